"""The messages of an interval go into a DuckDB file."""

from __future__ import annotations

from typing import Any

from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
from tests.conftest import DuckDbWarehouse


def test_the_messages_of_the_interval_are_in_the_file_however_often_they_are_loaded(
    sandbox: Sandbox, duckdb_warehouse: DuckDbWarehouse, context: Any
) -> None:
    operator = HvsmsMessagesToSqlOperator(task_id="load", sql_conn_id="warehouse", table="messages")
    operator.execute(context)
    before = duckdb_warehouse.query("SELECT * FROM messages ORDER BY id")
    operator.execute(context)
    assert duckdb_warehouse.query("SELECT * FROM messages ORDER BY id") == before
    assert len(before) > 0
