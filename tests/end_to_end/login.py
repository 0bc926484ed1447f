"""The user who logs in where the tests' Airflow asks for it."""

from __future__ import annotations

import json
from pathlib import Path

USER = "admin"
PASSWORD = "of-the-tests"


def settings_of_login(home: Path) -> dict[str, str]:
    """Settings by which Airflow asks for a login, rather than let everyone in as an administrator."""
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({USER: PASSWORD}))
    return {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
