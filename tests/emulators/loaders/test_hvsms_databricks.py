"""Databricks' own loader copies what the lake holds, and a merge keeps the newest state."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.dags.conftest import RunExample
from tests.dags.hashed_run import RunHashed
from tests.emulators.loaders.databricks import DatabricksConnection
from tests.emulators.loaders.lake import Lake
from tests.support.history import last_day, stored_between

TABLE = "my_catalog.my_schema.hvsms_messages"


@pytest.fixture
def databricks(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> DatabricksConnection:
    from airflow.providers.databricks.hooks.databricks_sql import DatabricksSqlHook

    connection = DatabricksConnection(lake)
    monkeypatch.setattr(DatabricksSqlHook, "get_conn", lambda hook: connection)
    monkeypatch.setattr(DatabricksSqlHook, "set_autocommit", lambda hook, conn, autocommit: None)
    fields = {"conn_type": "databricks", "host": "https://databricks.invalid", "password": "token"}
    monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", json.dumps(fields))
    return connection


def test_each_run_of_a_day_gives_the_same_table_and_a_newer_state_stays(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], run_example: RunExample, databricks: DatabricksConnection
) -> None:
    start, end = last_day(sandbox)
    sandbox.store.add_raw_message({"id": 7}, created=end - timedelta(hours=1))  # becomes a file of rejects
    expected = {str(message.id): message.text for message in stored_between(sandbox, start, end)}
    for _ in range(2):
        assert run_example("hvsms_databricks", end) == "success"
        rows = databricks.database.execute(f"SELECT id, text FROM {TABLE}").fetchall()
        assert sorted(rows) == sorted(expected.items())

    newer = next(iter(expected))
    databricks.database.execute(
        f"UPDATE {TABLE} SET text = 'newer', last_modified_time = '2999-01-01' WHERE id = '{newer}'"
    )
    assert run_example("hvsms_databricks", end) == "success"
    assert databricks.database.execute(f"SELECT id FROM {TABLE} WHERE text = 'newer'").fetchall() == [(newer,)]


def test_a_run_with_hashes_leaves_no_number_text_or_secret_behind(
    run_hashed: RunHashed, lake: Lake, databricks: DatabricksConnection, tmp_path: Path
) -> None:
    scan, left = run_hashed("hvsms_databricks", "write_messages")
    rows = databricks.database.execute(f"SELECT * FROM {TABLE}").fetchall()
    assert rows
    assert scan.found_in(f"{rows} {left}") == set()
    lake.download(tmp_path)
    assert list(tmp_path.rglob("_rejects.jsonl"))
    assert scan.leaks_in(tmp_path) == []
