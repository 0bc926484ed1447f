"""Databases whose tables are reported on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Warehouse


@pytest.fixture(params=["sqlite", "postgres", "duckdb", "mysql"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Each test that takes it runs once for each database; the sessions of PostgreSQL are far from UTC."""
    warehouse: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    if request.param == "postgres":
        extra: dict[str, Any] = {"options": "-c timezone=Pacific/Kiritimati"}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**warehouse.connection, "extra": extra}))
    return warehouse
