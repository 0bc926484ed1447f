"""The ledger in a table."""

from __future__ import annotations

import pytest
from airflow.hooks.base import BaseHook

from airflow_provider_hvsms.campaigns.sql_ledger import SqlLedger
from tests.campaigns.contract import LedgerContract
from tests.conftest import Warehouse


def _ledger(table: str = "hvsms_campaigns") -> SqlLedger:
    return SqlLedger(BaseHook.get_connection("warehouse").get_hook(), table)


@pytest.fixture(params=["sqlite", "postgres", "mysql", "duckdb"])
def database(request: pytest.FixtureRequest) -> Warehouse:
    warehouse: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return warehouse


@pytest.fixture
def ledger(database: Warehouse) -> SqlLedger:
    return _ledger()


class TestSqlLedger(LedgerContract):
    """On each database."""
