"""Fixtures of the tests of sinks."""

from __future__ import annotations

import pytest

from tests.conftest import Warehouse


@pytest.fixture(params=["sqlite", "postgres", "duckdb", "mysql"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Each test that uses it runs once for each database."""
    warehouse: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return warehouse
