"""The log of a load: where it begins, a line a minute, and where it ends."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sandbox import Sandbox, Settings
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator
from airflow_provider_hvsms.transfers.hvsms_to_sql import (
    HvsmsBatchesToSqlOperator,
    HvsmsMessagesToSqlOperator,
    HvsmsOptOutsToSqlOperator,
)
from airflow_provider_hvsms.transfers.progress import Progress
from tests.conftest import Warehouse
from tests.support.clock import ManualClock
from tests.support.history import last_day, stored_between

TABLE: dict[str, Any] = {"task_id": "load", "sql_conn_id": "warehouse", "table": "target"}


def lines(log: str, start: str) -> list[str]:
    """The lines that begin so; in Airflow 2 the whole log is there in two copies."""
    found = [line.partition(start)[2] for line in log.splitlines() if start in line]
    return list(dict.fromkeys(re.sub(r" \[airflow.*|\x1b.*", "", line) for line in found))


def progress_lines(
    sandbox: Sandbox, clock: ManualClock, caplog: pytest.LogCaptureFixture, *, seconds: float, concurrency: int = 1
) -> list[str]:
    """What is logged on the way of a load whose pages of 50 rows take some seconds each."""
    caplog.set_level(logging.INFO)
    window = Window(*last_day(sandbox))
    with HvsmsHook().get_conn() as client:
        progress = Progress(client, logging.getLogger("load"), window, clock=clock)
        for _ in progress.over(client.message_pages(window, per_page=50, concurrency=concurrency)):
            clock.now += seconds
        progress.log_end({})
    return [record.getMessage() for record in caplog.records if record.name == "load"]


def test_the_first_line_says_what_is_read_and_where_it_goes(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    HvsmsMessagesToSqlOperator(**TABLE).execute(context)
    window = Window(*last_day(sandbox))
    assert lines(task_log(), "Reading ") == [
        f"messages created in {window} into table target of connection 'warehouse'."
    ]


def test_the_first_line_has_the_filters_without_phone_numbers(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    message = next(one for one in stored_between(sandbox, *last_day(sandbox)) if one.batch_id)
    filters: dict[str, Any] = {
        "batch_id": message.batch_id,
        "phone_numbers": list(message.to_numbers),
        "direction": "Outbound",
    }
    HvsmsMessagesToSqlOperator(**TABLE, **filters).execute(context)
    sender = message.from_number
    HvsmsBatchesToSqlOperator(**{**TABLE, "table": "b"}, from_number=sender, statuses="Completed").execute(context)
    HvsmsOptOutsToSqlOperator(**{**TABLE, "table": "o"}, from_number=sender).execute(context)
    log = task_log()
    first = [re.sub(r" created in \[[^)]*\)", "", line) for line in lines(log, "Reading ")]
    behind = " of connection 'warehouse'."
    assert first == [
        f"messages with batch_id={message.batch_id}, phone_numbers=***, direction=Outbound into table target{behind}",
        f"batches with from_number=***, statuses=Completed into table b{behind}",
        f"opt-outs with from_number=***, status=all into table o{behind}",
    ]
    assert message.to_numbers[0].removeprefix("+") not in log
    assert sender.removeprefix("+") not in log


def test_the_first_line_of_files_has_their_folder_and_format(
    sandbox: Sandbox, context: Any, tmp_path: Path, task_log: Callable[[], str]
) -> None:
    task = HvsmsMessagesToObjectStorageOperator(task_id="write", path=f"file://{tmp_path}/2026-11-01", format="csv")
    task.execute(context)
    [line] = lines(task_log(), "Reading ")
    assert line.endswith("/2026-11-01 as csv.")


def test_a_short_load_has_one_line_at_its_beginning_and_one_at_its_end(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    HvsmsMessagesToSqlOperator(**TABLE, per_page=20).execute(context)
    log = task_log()
    assert "So far" not in log
    assert len(lines(log, "Reading messages")) == len(lines(log, "Done: ")) == 1


def test_the_last_line_has_rows_changes_rejects_totals_requests_and_time(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    start, end = last_day(sandbox)
    rows = len(stored_between(sandbox, start, end))
    sandbox.store.add_raw_message({"id": 77, "creationTime": "soon", "messageStatus": "Sent"}, created=start)
    HvsmsMessagesToSqlOperator(**TABLE, concurrency=1, on_invalid="quarantine").execute(context)
    [line] = lines(task_log(), "Done: ")
    assert re.sub(r"\d+\.\d s", "… s", line) == (
        f"{rows:,} rows ({rows:,} inserted, 0 updated, 0 unchanged), 1 rejected, "
        f"reconciled: {rows + 1:,} read and {rows + 1:,} counted, 1 pages, 2 requests, … s, of which … s waiting for "
        "quota."
    )


def test_a_target_that_cannot_tell_changes_leaves_them_out(
    sandbox: Sandbox, context: Any, tmp_path: Path, task_log: Callable[[], str]
) -> None:
    HvsmsMessagesToObjectStorageOperator(task_id="write", path=f"file://{tmp_path}", reconcile="off").execute(context)
    [line] = lines(task_log(), "Done: ")
    assert re.fullmatch(r"[\d,]+ rows, \d pages, \d requests, [\d.]+ s, of which [\d.]+ s waiting for quota\.", line)


@pytest.mark.usefixtures("hvsms_connection")
def test_a_line_a_minute_tells_how_far_the_load_is(
    sandbox: Sandbox, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    found = progress_lines(sandbox, clock, caplog, seconds=25)
    pages = -(-len(stored_between(sandbox, *last_day(sandbox))) // 50)
    assert len(found) == pages // 3 + 1
    first = re.fullmatch(
        r"So far: 3 pages, 150 rows, (\d+) % of the window, 2 rows a second, (.*) of 10,000 requests left in the "
        r"quota, 75\.0 s, of which 0\.0 s waiting for quota\.",
        found[0],
    )
    assert first
    assert 0 < int(first[1]) < 50
    assert first[2] == "9,997"


@pytest.mark.usefixtures("hvsms_connection")
@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_part_of_the_window_grows_and_is_never_more_than_all(
    sandbox: Sandbox, clock: ManualClock, caplog: pytest.LogCaptureFixture, concurrency: int
) -> None:
    found = progress_lines(sandbox, clock, caplog, seconds=60, concurrency=concurrency)
    parts = [int(found_part[1]) for line in found if (found_part := re.search(r"(\d+) % of the window", line))]
    assert parts == sorted(parts)
    assert parts[0] < 50
    assert parts[-1] == 100


def test_a_quota_that_no_answer_named_is_left_out(
    sandbox: Sandbox, clock: ManualClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(Settings(messages=300, days=1, rate_headers=frozenset())) as silent:
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(silent.airflow_connection))
        found = progress_lines(silent, clock, caplog, seconds=60)
    assert len(found) > 1
    assert "quota, " not in found[0]
