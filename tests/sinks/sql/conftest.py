"""Fixtures of the tests of loads into tables."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(params=["sqlite", "postgres", "duckdb", "mysql", "generic"])
def target(request: pytest.FixtureRequest) -> Iterator[tuple[Warehouse, Table]]:
    """Each test that uses it runs once for each database, and once for plain SQL."""
    if request.param == "generic":
        warehouse = request.getfixturevalue("sqlite_warehouse")
        yield warehouse, Table(UnknownDatabaseHook(Path(warehouse.connection["host"])))
    else:
        warehouse = request.getfixturevalue(f"{request.param}_warehouse")
        yield warehouse, table()
