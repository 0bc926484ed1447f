"""Loads in several processes share one quota, and each loads exactly its data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
from tests.conftest import Warehouse
from tests.support.history import last_day, stored_between
from tests.transfers import processes


def test_four_separate_processes_load_exactly_and_are_never_refused(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(Settings(messages=3_000, days=3, light=60, window=10, penalty=10, auth=1_000)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(sandbox.airflow_connection))
        interval = last_day(sandbox)
        expected = sorted(str(message.id) for message in stored_between(sandbox, *interval))
        loads = [
            processes.start(
                {
                    "airflow_provider_hvsms.transfers.hvsms_to_sql:HvsmsMessagesToSqlOperator": {
                        "sql_conn_id": "warehouse",
                        "table": f"messages_{number}",
                        "per_page": 50,
                    }
                },
                interval,
            )
            for number in range(4)
        ]
        for load in loads:
            load.join(timeout=120)
        assert [load.exitcode for load in loads] == [0] * 4
        for number in range(4):
            assert [
                row[0] for row in postgres_warehouse.query(f"SELECT id FROM messages_{number} ORDER BY id")
            ] == expected
        assert (sandbox.counters.refused, sandbox.counters.inside_penalty) == (0, 0)


def test_several_slices_are_read_at_once_when_answers_are_slow(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, context: Any
) -> None:
    with Sandbox(Settings(messages=3_000, days=3, latency=0.2, light=6_000, auth=1_000)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(sandbox.airflow_connection))
        expected = sorted(str(message.id) for message in stored_between(sandbox, *last_day(sandbox)))
        summary = HvsmsMessagesToSqlOperator(
            task_id="load", sql_conn_id="warehouse", table="messages", per_page=20
        ).execute(context)
        slices = sandbox.counters.first_pages["messages"] - 1
        assert [row[0] for row in sqlite_warehouse.query("SELECT id FROM messages ORDER BY id")] == expected
        assert summary["rows"] == len(expected)
        assert slices > 1
        assert sandbox.counters.reads <= len(expected) / 20 + slices + 2
