"""Fixtures of the tests of loads into tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_hvsms.sinks.sql import registry
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import UnknownDatabaseHook
from tests.sinks.sql.loading import Table, table


@pytest.fixture(params=["without a dialect", "with a dialect"])
def other_table(request: pytest.FixtureRequest, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table of a database without a file of its own."""
    if request.param == "with a dialect":
        monkeypatch.delitem(registry.DATABASES, "sqlite")
        return table()
    return Table(UnknownDatabaseHook(Path(sqlite_warehouse.connection["host"])))
