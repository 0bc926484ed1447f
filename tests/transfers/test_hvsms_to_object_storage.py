"""Each resource reaches its folder: exactly, again and again, or without `_SUCCESS`."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.transfers import hvsms_to_object_storage
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import (
    HvsmsBatchesToObjectStorageOperator,
    HvsmsMessagesToObjectStorageOperator,
    HvsmsOptOutsToObjectStorageOperator,
    HvsmsStatusesToObjectStorageOperator,
)
from tests.support.history import DAY, last_day, stored_between
from tests.support.waiting import wait_for
from tests.transfers import processes

OPERATORS = [
    HvsmsMessagesToObjectStorageOperator,
    HvsmsBatchesToObjectStorageOperator,
    HvsmsStatusesToObjectStorageOperator,
    HvsmsOptOutsToObjectStorageOperator,
]
EACH = pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)


def run(operator: Any, context: Any, folder: Path, **arguments: Any) -> dict[str, Any]:
    given = {"task_id": "load", "path": f"file://{folder}", **arguments}
    summary: dict[str, Any] = operator(**given).execute(context)
    return summary


def lines(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in sorted(folder.glob("part-*.jsonl.gz")):
        found += [json.loads(line) for line in gzip.decompress(part.read_bytes()).splitlines()]
    return found


def without_stamp(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps({**row, "loaded_at": None}, sort_keys=True) for row in rows)


def test_messages_are_written_exactly_and_the_summary_last(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    summary = run(HvsmsMessagesToObjectStorageOperator, context, tmp_path, view="Detailed", rows_per_part=100)
    expected = stored_between(sandbox, *last_day(sandbox))
    rows = lines(tmp_path)
    assert {row["id"]: row["text"] for row in rows} == {str(message.id): message.text for message in expected}
    assert len(rows) == len(expected)
    assert len(list(tmp_path.glob("part-*"))) == -(-len(expected) // 100)
    assert json.loads((tmp_path / "_SUCCESS").read_text()) == summary


@EACH
def test_the_same_window_twice_gives_the_same_files(
    sandbox: Sandbox, context: Any, tmp_path: Path, operator: Any
) -> None:
    first = run(operator, context, tmp_path)
    before = lines(tmp_path)
    assert before
    assert run(operator, context, tmp_path) == first
    assert without_stamp(lines(tmp_path)) == without_stamp(before)


def test_overlapping_windows_at_once_in_two_processes_are_each_exact(
    sandbox: Sandbox, context: Any, tmp_path: Path
) -> None:
    start, end = last_day(sandbox)
    intervals = [(start - DAY, end - DAY / 2), (start - DAY / 2, end)]
    both = [
        processes.start(
            {
                f"{hvsms_to_object_storage.__name__}.{operator.__name__}": {
                    "path": f"file://{tmp_path}/{number}/{operator.__name__}"
                }
                for operator in OPERATORS
            },
            interval,
        )
        for number, interval in enumerate(intervals)
    ]
    for process in both:
        process.join(timeout=300)
    assert [process.exitcode for process in both] == [0, 0]
    for number, (start_, end_) in enumerate(intervals):
        for operator in OPERATORS:
            again = tmp_path / "again" / operator.__name__ / str(number)
            run(operator, {"data_interval_start": start_, "data_interval_end": end_}, again)
            assert without_stamp(lines(tmp_path / str(number) / operator.__name__)) == without_stamp(lines(again))


@pytest.mark.parametrize("pages", [1, 5, 10, 20, 30])
def test_a_load_killed_on_its_way_leaves_the_load_before_it_as_it_was(
    sandbox: Sandbox, context: Any, tmp_path: Path, pages: int
) -> None:
    run(HvsmsMessagesToObjectStorageOperator, context, tmp_path)
    before, read_before = lines(tmp_path), sandbox.counters.reads
    name = f"{hvsms_to_object_storage.__name__}.HvsmsMessagesToObjectStorageOperator"
    arguments = {"path": f"file://{tmp_path}", "per_page": 20, "rows_per_part": 50}
    sandbox.faults.add(Fault.slow(30), times=None, path="/messages", after=pages)
    process = processes.start({name: arguments}, last_day(sandbox))
    wait_for(lambda: sandbox.counters.reads > read_before + pages)
    assert process.is_alive()
    process.kill()
    process.join(timeout=10)
    assert lines(tmp_path) == before
    assert (tmp_path / "_SUCCESS").exists()
    sandbox.faults.clear()
    run(HvsmsMessagesToObjectStorageOperator, context, tmp_path)
    assert without_stamp(lines(tmp_path)) == without_stamp(before)


def test_odd_records_are_quarantined_beside_the_parts(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    start, _ = last_day(sandbox)
    odd = {"id": 77, "creationTime": "20211-11-14T20:19:56.505461Z"}
    sandbox.store.add_raw_message(odd, created=start)
    summary = run(HvsmsMessagesToObjectStorageOperator, context, tmp_path, on_invalid="quarantine")
    [reject] = [json.loads(line) for line in (tmp_path / "_rejects.jsonl").read_text().splitlines()]
    assert json.loads(reject["record"]) == odd
    assert "message 77" in reject["reason"]
    assert (summary["rejected"], len(lines(tmp_path))) == (1, summary["rows"])


def test_a_folder_that_cannot_be_written_fails_before_the_first_request(
    sandbox: Sandbox, context: Any, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(AirflowFailException, match="taken"):
        run(HvsmsMessagesToObjectStorageOperator, context, tmp_path / "taken")
    assert sandbox.counters.snapshot()["answers"] == {}


def test_a_bad_window_leaves_an_earlier_load_complete(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    run(HvsmsMessagesToObjectStorageOperator, context, tmp_path)
    empty = {"data_interval_start": datetime(2026, 1, 1, tzinfo=UTC)}
    empty["data_interval_end"] = empty["data_interval_start"]
    with pytest.raises(AirflowFailException, match="data interval is empty"):
        run(HvsmsMessagesToObjectStorageOperator, empty, tmp_path)
    assert (tmp_path / "_SUCCESS").exists()


def test_an_unknown_format_is_refused_when_the_dag_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="format is 'xml'.*'jsonl', 'csv', 'parquet'"):
        HvsmsMessagesToObjectStorageOperator(task_id="load", path=f"file://{tmp_path}", format="xml")


@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_file_holds_a_message_twice_when_a_page_token_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    """The store's clock jumps once, in the middle of the load, so that no page token given before is good any more."""
    started: list[Sandbox] = []

    def clock() -> float:
        counters = started[0].counters.snapshot() if started else {"requests": {}, "first_pages": {}}
        following_pages = sum(counters["requests"].values()) - sum(counters["first_pages"].values())
        return time.time() + (60 if following_pages > 8 else 0)

    settings = Settings(messages=2_000, days=1, latency=0.11, light=1_000, auth=100, page_token_ttl=30)
    with Sandbox(settings, clock=clock) as sandbox:
        started.append(sandbox)
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(sandbox.airflow_connection))
        start, end = last_day(sandbox)
        context = {"data_interval_start": pendulum.instance(start), "data_interval_end": pendulum.instance(end)}
        summary = run(HvsmsMessagesToObjectStorageOperator, context, tmp_path, per_page=50, concurrency=concurrency)
        assert sandbox.counters.answers[400] > 0
        assert sorted(row["id"] for row in lines(tmp_path)) == sorted(str(m.id) for m in sandbox.store.messages)
        assert summary["rows"] == len(sandbox.store.messages)
