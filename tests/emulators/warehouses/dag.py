"""The DAG that users copy loads a day into a warehouse, twice with the same result, and with hashes on request."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.dags.conftest import RunExample, latest_result
from tests.dags.hashed_run import RunHashed
from tests.emulators.warehouses.emulated import EmulatedWarehouse
from tests.support.history import last_day, stored_between


class DagTests:
    dag: ClassVar[str]
    connection: ClassVar[str]
    """The environment variable of the Airflow connection that the DAG loads with."""

    def test_two_runs_load_the_same_messages_and_batches(
        self,
        sandbox: Sandbox,
        hvsms_connection: dict[str, Any],
        warehouse: EmulatedWarehouse,
        run_example: RunExample,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv(self.connection, os.environ["AIRFLOW_CONN_WAREHOUSE"])
        start, end = last_day(sandbox)
        expected = sorted(
            (str(message.id), message.direction, message.from_number, message.batch_id)
            for message in stored_between(sandbox, start - timedelta(days=1), end)
        )
        tables = []
        for inserted in (len(expected), 0):
            assert run_example(self.dag, end) == "success"
            found = warehouse.query("SELECT id, direction, from_number, batch_id FROM sms.hvsms_messages")
            assert sorted(found) == expected
            tables.append(
                [warehouse.query(f"SELECT * FROM sms.hvsms_{name} ORDER BY id") for name in ("messages", "batches")]
            )
            summary = latest_result("load_messages")
            assert summary["rows"] == len(expected)
            assert (summary["inserted"], summary["updated"]) == (inserted, 0)
            assert summary["unchanged"] == len(expected) - inserted
        assert tables[0] == tables[1]
        assert tables[0][1]

    def test_a_run_with_hashes_leaves_no_number_text_or_secret_behind(
        self, warehouse: EmulatedWarehouse, run_hashed: RunHashed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(self.connection, os.environ["AIRFLOW_CONN_WAREHOUSE"])
        scan, left = run_hashed(self.dag, "load_messages")
        tables = {table: warehouse.query(f"SELECT * FROM sms.{table}") for table in warehouse.tables()}
        assert sum(map(bool, tables.values())) >= 3  # messages, batches and rejects
        assert scan.found_in(f"{tables} {left}") == set()
