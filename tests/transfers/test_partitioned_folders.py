"""Folders by day, month or hour: which loads they take, and which are refused before anything is requested."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import (
    HvsmsBatchesToObjectStorageOperator,
    HvsmsMessagesToObjectStorageOperator,
    HvsmsOptOutsToObjectStorageOperator,
    HvsmsStatusesToObjectStorageOperator,
)
from tests.support.history import DAY, last_day, stored_between
from tests.transfers import processes

HOUR = timedelta(hours=1)


def run(
    context: Any, lake: Path, *, operator: Any = HvsmsMessagesToObjectStorageOperator, **arguments: Any
) -> dict[str, Any]:
    given = {"task_id": "load", "path": f"file://{lake}", "partition_by": "day", **arguments}
    summary: dict[str, Any] = operator(**given).execute(context)
    return summary


def ids_by_folder(lake: Path) -> dict[str, list[str]]:
    """The ids in the JSON Lines of each folder, in order."""
    found: dict[str, list[str]] = {folder.name: [] for folder in lake.iterdir() if folder.is_dir()}
    for part in sorted(lake.glob("*/part-*.jsonl.gz")):
        found[part.parent.name] += [json.loads(line)["id"] for line in gzip.decompress(part.read_bytes()).splitlines()]
    return {name: sorted(ids) for name, ids in found.items()}


def expected_by(form: str, sandbox: Sandbox, start: datetime, end: datetime) -> dict[str, list[str]]:
    expected: dict[str, list[str]] = {}
    for message in stored_between(sandbox, start, end):
        expected.setdefault(f"{message.creation_time:{form}}", []).append(str(message.id))
    return {name: sorted(ids) for name, ids in expected.items()}


@pytest.mark.parametrize("concurrency", [1, 8])
def test_each_message_is_in_the_folder_of_its_day(
    sandbox: Sandbox, context: Any, tmp_path: Path, concurrency: int
) -> None:
    start, end = last_day(sandbox)
    summary = run(context, tmp_path, lookback=2 * DAY, per_page=100, concurrency=concurrency)
    expected = expected_by("creation_day=%Y-%m-%d", sandbox, start - 2 * DAY, end)
    assert len(expected) == 3
    assert ids_by_folder(tmp_path) == expected
    rows = [json.loads((tmp_path / day / "_SUCCESS").read_text())["rows"] for day in expected]
    assert rows == [len(ids) for ids in expected.values()]
    assert summary["rows"] == sum(rows)


def test_overlapping_windows_at_once_in_two_processes_give_each_message_once(
    sandbox: Sandbox, context: Any, tmp_path: Path
) -> None:
    start, end = last_day(sandbox)
    name = f"{HvsmsMessagesToObjectStorageOperator.__module__}.{HvsmsMessagesToObjectStorageOperator.__name__}"
    arguments = {"path": f"file://{tmp_path}", "partition_by": "day", "per_page": 100}
    both = [processes.start({name: arguments}, interval) for interval in ((start - 2 * DAY, start), (start - DAY, end))]
    for process in both:
        process.join(timeout=300)
    assert [process.exitcode for process in both] == [0, 0]
    assert ids_by_folder(tmp_path) == expected_by("creation_day=%Y-%m-%d", sandbox, start - 2 * DAY, end)


def test_hours_fit_a_window_of_any_whole_hours(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    start, end = last_day(sandbox)
    run(context, tmp_path, date_from=start + 5 * HOUR, date_to=end - 7 * HOUR, lookback=HOUR, partition_by="hour")
    expected = expected_by("creation_hour=%Y-%m-%dT%H", sandbox, start + 4 * HOUR, end - 7 * HOUR)
    found = ids_by_folder(tmp_path)
    assert len(found) == 13
    assert {name: ids for name, ids in found.items() if ids} == expected


def test_a_month_has_one_folder(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    start = sandbox.store.messages[0].creation_time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + 32 * DAY).replace(day=1)
    run(context, tmp_path, date_from=start, date_to=end, partition_by="month")
    expected = expected_by("creation_month=%Y-%m", sandbox, start, end)
    assert len(expected) == 1
    assert ids_by_folder(tmp_path) == expected


def test_batches_can_be_partitioned(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    start, end = last_day(sandbox)
    run(context, tmp_path, operator=HvsmsBatchesToObjectStorageOperator, lookback=DAY)
    expected = sorted(batch.id for batch in sandbox.store.batches if start - DAY <= batch.creation_time < end)
    found = ids_by_folder(tmp_path)
    assert len(found) == 2
    assert sorted(batch_id for ids in found.values() for batch_id in ids) == expected


def test_today_holds_what_there_is_so_far_and_a_later_run_completes_it(
    sandbox: Sandbox, context: Any, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first = sandbox.store.add_message(created=today)
    window = {"date_from": today, "date_to": today + 3 * DAY}
    run(context, tmp_path, **window)
    name = f"creation_day={today:%Y-%m-%d}"
    assert str(first.id) in ids_by_folder(tmp_path)[name]
    assert set(ids_by_folder(tmp_path)) <= {name, f"creation_day={now + DAY:%Y-%m-%d}"}
    assert datetime.fromisoformat(json.loads((tmp_path / name / "_SUCCESS").read_text())["date_to"]) < today + 2 * DAY

    second = sandbox.store.add_message(created=today)
    run(context, tmp_path, **window)
    assert {str(first.id), str(second.id)} <= set(ids_by_folder(tmp_path)[name])


@pytest.mark.parametrize("partition_by", [None, "day"])
def test_a_rendered_partition_by_is_used(
    sandbox: Sandbox, context: Any, tmp_path: Path, partition_by: str | None
) -> None:
    operator = HvsmsMessagesToObjectStorageOperator(
        task_id="load", path=f"file://{tmp_path}", partition_by="{{ params.partition_by }}"
    )
    operator.partition_by = partition_by
    operator.execute(context)
    start, _ = last_day(sandbox)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_dir()] == (
        [f"creation_day={start:%Y-%m-%d}"] if partition_by else []
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"lookback": 6 * HOUR},
        {"window": timedelta(hours=25)},
        {"partition_by": "month", "lookback": DAY},
        {"partition_by": "hour", "lookback": timedelta(minutes=90)},
    ],
    ids=str,
)
def test_a_window_that_cuts_a_folder_is_refused_before_the_first_request(
    sandbox: Sandbox, context: Any, tmp_path: Path, arguments: dict[str, Any]
) -> None:
    with pytest.raises(AirflowFailException, match="covers only a part of creation_.*Nothing was read or written"):
        run(context, tmp_path / "lake", **arguments)
    assert sandbox.counters.snapshot()["answers"] == {}
    assert not (tmp_path / "lake").exists()


def test_the_end_that_is_planned_counts_where_only_a_part_has_passed(
    sandbox: Sandbox, context: Any, tmp_path: Path
) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with pytest.raises(AirflowFailException, match=f"covers only a part of creation_day={today + DAY:%Y-%m-%d}, but"):
        run(context, tmp_path, date_from=today, date_to=today + DAY + HOUR)
    assert sandbox.counters.snapshot()["answers"] == {}


def test_days_of_another_time_zone_are_refused_with_advice(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], tmp_path: Path
) -> None:
    end = pendulum.datetime(2026, 7, 2, tz="America/New_York")
    context = {"data_interval_start": end.subtract(days=1), "data_interval_end": end}
    with pytest.raises(AirflowFailException, match="timezone=\"UTC\"\\), or partition_by='hour'"):
        run(context, tmp_path)


def test_the_window_of_a_batch_is_refused_when_the_dag_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="batch_id are given, but no dates.*give date_from and date_to"):
        HvsmsMessagesToObjectStorageOperator(
            task_id="load", path=f"file://{tmp_path}", partition_by="day", batch_id="{{ params.batch_id }}"
        )


def test_the_window_of_a_batch_is_refused_before_the_first_request(
    sandbox: Sandbox, context: Any, tmp_path: Path
) -> None:
    operator = HvsmsMessagesToObjectStorageOperator(
        task_id="load", path=f"file://{tmp_path}", partition_by="{{ params.partition_by }}", batch_id="b1"
    )
    operator.partition_by = "day"
    with pytest.raises(AirflowFailException, match="batch_id are given, but no dates"):
        operator.execute(context)
    assert sandbox.counters.snapshot()["answers"] == {}


def test_a_batch_of_whole_days_can_be_partitioned(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    start, end = last_day(sandbox)
    batch_id = next(message.batch_id for message in stored_between(sandbox, start, end) if message.batch_id)
    run(context, tmp_path, batch_id=batch_id, date_from=start, date_to=end)
    expected = sorted(str(m.id) for m in stored_between(sandbox, start, end) if m.batch_id == batch_id)
    assert ids_by_folder(tmp_path) == {f"creation_day={start:%Y-%m-%d}": expected}


@pytest.mark.parametrize("operator", [HvsmsStatusesToObjectStorageOperator, HvsmsOptOutsToObjectStorageOperator])
def test_records_without_a_time_of_creation_are_refused_when_the_dag_is_parsed(tmp_path: Path, operator: Any) -> None:
    with pytest.raises(InvalidRequest, match="no creation_time: only messages and batches have one"):
        operator(task_id="load", path=f"file://{tmp_path}", partition_by="day")


@pytest.mark.parametrize("operator", [HvsmsStatusesToObjectStorageOperator, HvsmsOptOutsToObjectStorageOperator])
def test_records_without_a_time_of_creation_are_refused_before_the_first_request(
    sandbox: Sandbox, context: Any, tmp_path: Path, operator: Any
) -> None:
    task = operator(task_id="load", path=f"file://{tmp_path}", partition_by="{{ params.partition_by }}")
    task.partition_by = "day"
    with pytest.raises(AirflowFailException, match="no creation_time: only messages and batches have one"):
        task.execute(context)
    assert sandbox.counters.snapshot()["answers"] == {}


def test_a_message_outside_the_window_fails_the_load_in_words(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    run(context, tmp_path)
    before = ids_by_folder(tmp_path)
    start, _ = last_day(sandbox)
    odd = {"id": 77, "creationTime": f"{start - DAY:%Y-%m-%d}T23:59:59.999Z"}
    sandbox.store.add_raw_message(odd, created=start)
    with pytest.raises(AirflowFailException, match=f"1 records of creation_day={start - DAY:%Y-%m-%d}, which lies out"):
        run(context, tmp_path)
    assert ids_by_folder(tmp_path) == before
    run(context, tmp_path, lookback=DAY)
    assert "77" in ids_by_folder(tmp_path)[f"creation_day={start - DAY:%Y-%m-%d}"]
