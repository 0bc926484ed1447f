"""Airflow's simple auth manager with one DAG that no user may see: it has no rights by DAG of its own."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

HIDDEN_DAG = "hidden"


class HidingAuthManager(SimpleAuthManager):
    """All users are administrators, except for `HIDDEN_DAG`."""

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        if method == "GET" and details is not None and details.id == HIDDEN_DAG:
            return False
        return bool(super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details))
