"""The DAG that users copy loads a day into BigQuery, twice with the same result."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.dags.conftest import RunExample, latest_result
from tests.emulators.bigquery.conftest import BigQueryWarehouse
from tests.support.history import last_day, stored_between


def test_two_runs_load_the_same_messages_and_batches(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    warehouse: BigQueryWarehouse,
    run_example: RunExample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", os.environ["AIRFLOW_CONN_WAREHOUSE"])
    start, end = last_day(sandbox)
    expected = sorted(
        (str(message.id), message.direction, message.from_number, message.batch_id)
        for message in stored_between(sandbox, start - timedelta(days=1), end)
    )
    tables = []
    for inserted in (len(expected), 0):
        assert run_example("hvsms_bigquery", end) == "success"
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
