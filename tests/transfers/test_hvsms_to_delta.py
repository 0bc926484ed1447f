"""Each resource is merged into its Delta table: exactly, again and again, and by several processes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from deltalake import DeltaTable

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.transfers import hvsms_to_object_storage
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import (
    HvsmsBatchesToObjectStorageOperator,
    HvsmsMessagesToObjectStorageOperator,
    HvsmsOptOutsToObjectStorageOperator,
    HvsmsStatusesToObjectStorageOperator,
)
from tests.sinks.delta.tables import all_rows
from tests.support.history import DAY, last_day, stored_between
from tests.transfers import processes

OPERATORS = [
    HvsmsMessagesToObjectStorageOperator,
    HvsmsBatchesToObjectStorageOperator,
    HvsmsStatusesToObjectStorageOperator,
    HvsmsOptOutsToObjectStorageOperator,
]


def run(operator: Any, context: Any, folder: Path, **arguments: Any) -> dict[str, Any]:
    given = {"task_id": "load", "path": f"file://{folder}", "format": "delta", **arguments}
    summary: dict[str, Any] = operator(**given).execute(context)
    return summary


def ids(folder: Path) -> list[str]:
    found: list[str] = all_rows(DeltaTable(folder))["id"].to_pylist()
    return sorted(found)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_the_same_window_twice_gives_the_same_table(
    sandbox: Sandbox, context: Any, tmp_path: Path, operator: Any
) -> None:
    first = run(operator, context, tmp_path)
    before = all_rows(DeltaTable(tmp_path))
    assert before.num_rows == first["rows"] == first["inserted"] > 0
    assert run(operator, context, tmp_path) == {**first, "inserted": 0, "unchanged": first["inserted"]}
    assert all_rows(DeltaTable(tmp_path)) == before


def test_overlapping_windows_at_once_give_each_message_once(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    start, end = last_day(sandbox)
    name = f"{hvsms_to_object_storage.__name__}.HvsmsMessagesToObjectStorageOperator"
    arguments = {"path": f"file://{tmp_path}", "format": "delta"}
    windows = [(start - DAY, end - DAY / 2), (start - DAY / 2, end)]
    both = [processes.start({name: arguments}, window) for window in windows]
    for process in both:
        process.join(timeout=300)
    assert [process.exitcode for process in both] == [0, 0]
    assert ids(tmp_path) == sorted(str(message.id) for message in stored_between(sandbox, start - DAY, end))


def test_the_day_is_an_accepted_partition(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    run(HvsmsMessagesToObjectStorageOperator, context, tmp_path, partition_by="day")
    assert DeltaTable(tmp_path).metadata().partition_columns == ["creation_day"]


def test_other_partitions_are_refused_when_the_dag_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="partition_by is 'month', and format is 'delta'.*Leave partition_by out"):
        HvsmsMessagesToObjectStorageOperator(task_id="load", path="/lake", format="delta", partition_by="month")


def test_opt_outs_have_no_day_to_partition_by() -> None:
    with pytest.raises(InvalidRequest, match="partition_by is 'day', but these records have no time"):
        HvsmsOptOutsToObjectStorageOperator(task_id="load", path="/lake", format="delta", partition_by="day")


@pytest.mark.parametrize(("first", "second"), [("delta", "parquet"), ("parquet", "delta")])
def test_a_folder_of_another_format_fails_before_the_first_request(
    sandbox: Sandbox, context: Any, tmp_path: Path, first: str, second: str
) -> None:
    run(HvsmsMessagesToObjectStorageOperator, context, tmp_path, format=first)
    reads = sandbox.counters.reads
    with pytest.raises(AirflowFailException, match="Choose another folder"):
        run(HvsmsMessagesToObjectStorageOperator, context, tmp_path, format=second)
    assert sandbox.counters.reads == reads
