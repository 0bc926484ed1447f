"""A target that holds the rows of another `personal_data` is refused before anything is requested."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath

from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.sinks.delta.sink import open_delta
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
from tests.conftest import Warehouse
from tests.sinks.sql.loading import Table, table
from tests.support.history import DAY
from tests.support.messages import message
from tests.support.personal_data import layout_of, rows_of

REFUSED = "holds hashes of phone numbers.*personal_data is 'keep'. Nothing was written"


def run_into(path: Path, context: Any, **arguments: Any) -> None:
    HvsmsMessagesToObjectStorageOperator(task_id="load", path=f"file://{path}", **arguments).execute(context)


def test_table_is_refused_before_anything_is_requested(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    Table(table().hook, layout=layout_of("hash")).load([rows_of("hash", message(1))])
    with pytest.raises(AirflowFailException, match=REFUSED):
        HvsmsMessagesToSqlOperator(task_id="load", sql_conn_id="warehouse", table="messages").execute(context)
    assert sandbox.counters.snapshot()["answers"] == {}
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_delta_table_is_refused_before_anything_is_requested(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    pytest.importorskip("deltalake")
    with open_delta(ObjectStoragePath(f"file://{tmp_path}"), layout_of("hash")) as sink:
        sink.add(rows_of("hash", message(1)), [])
        sink.finish({})
    with pytest.raises(AirflowFailException, match=REFUSED):
        run_into(tmp_path, context, format="delta")
    assert sandbox.counters.snapshot()["answers"] == {}


def test_lake_is_refused_before_anything_is_requested(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    earlier = tmp_path / f"creation_day={context['data_interval_start'] - timedelta(days=30):%Y-%m-%d}"
    earlier.mkdir()
    (earlier / "_SUCCESS").write_text(json.dumps({"rows": 1, "personal_data": "hash"}))
    with pytest.raises(AirflowFailException, match=REFUSED):
        run_into(tmp_path, context, partition_by="day")
    assert sandbox.counters.snapshot()["answers"] == {}
    assert [folder.name for folder in tmp_path.iterdir()] == [earlier.name]


def test_lake_with_numbers_as_they_are_is_loaded_on(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    run_into(tmp_path, context, partition_by="day")
    [success] = tmp_path.glob("creation_day=*/_SUCCESS")
    assert "personal_data" not in json.loads(success.read_text())
    run_into(tmp_path, context, partition_by="day", lookback=DAY)
    assert len(list(tmp_path.glob("creation_day=*/_SUCCESS"))) == 2
