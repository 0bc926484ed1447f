"""A load is merged by the rules of a table in a database."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.records import Batch, OptOut, StatusTotals
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, OPT_OUTS, STATUSES, Changes, status_rows
from tests.sinks.delta.tables import all_rows, contents, data_files, load, table
from tests.sinks.files.sample_rows import LOADED_AT, NOON, row, rows

LATER = NOON + timedelta(hours=30)


def test_every_column_is_read_back(any_folder: ObjectStoragePath) -> None:
    load(any_folder, [row(1, text="Hello", error_code="SMS-CAR-104", batch_id="b1")])
    [found] = all_rows(table(any_folder)).to_pylist()
    assert found == {
        "id": "1",
        "batch_id": "b1",
        "direction": "Outbound",
        "from_number": "+16505550100",
        "to_number": "+16501112222,+16503334444",
        "message_status": "Sent",
        "error_code": "SMS-CAR-104",
        "segment_count": 1,
        "cost": Decimal("0.007000"),
        "creation_time": NOON + timedelta(seconds=1, microseconds=436491),
        "last_modified_time": NOON + timedelta(minutes=1),
        "text": "Hello",
        "loaded_at": LOADED_AT,
        "creation_day": NOON.date(),
    }


def test_the_same_rows_again_make_no_commit(any_folder: ObjectStoragePath) -> None:
    assert load(any_folder, rows(5)) == Changes(inserted=5, updated=0, unchanged=0)
    before = contents(any_folder, "id", "loaded_at"), table(any_folder).version()
    again = [(*values[:-1], LOADED_AT + timedelta(days=1)) for values in rows(5)]
    assert load(any_folder, again) == Changes(inserted=0, updated=0, unchanged=5)
    assert (contents(any_folder, "id", "loaded_at"), table(any_folder).version()) == before


def test_a_newer_state_replaces_the_row_and_loaded_at_and_no_other(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3))
    newer = row(1, message_status="Delivered", last_modified_time=LATER)
    changed = [(*newer[:-1], LATER), (*row(2)[:-1], LATER)]
    assert load(any_folder, [*changed, row(9)]) == Changes(inserted=1, updated=1, unchanged=1)
    assert contents(any_folder, "id", "message_status", "loaded_at") == [
        ("0", "Sent", LOADED_AT),
        ("1", "Delivered", LATER),
        ("2", "Sent", LOADED_AT),
        ("9", "Sent", LOADED_AT),
    ]


def test_an_older_state_never_replaces_a_newer_one(folder: ObjectStoragePath) -> None:
    load(folder, [row(1, message_status="Delivered", last_modified_time=LATER, text="today")])
    assert load(folder, [row(1, text="yesterday")]) == Changes(inserted=0, updated=0, unchanged=1)
    assert contents(folder, "message_status", "text") == [("Delivered", "today")]


def test_a_text_stays_when_a_newer_state_has_none(folder: ObjectStoragePath) -> None:
    load(folder, [row(1, text="Hello")])
    load(folder, [row(1, message_status="Delivered", last_modified_time=LATER)])
    assert contents(folder, "message_status", "text") == [("Delivered", "Hello")]


def test_an_older_state_adds_the_text_that_a_row_lacks(folder: ObjectStoragePath) -> None:
    load(folder, [row(1, message_status="Delivered", last_modified_time=LATER)])
    assert load(folder, [row(1, text="Hello")]).updated == 1
    assert contents(folder, "message_status", "text") == [("Delivered", "Hello")]


def test_a_value_becomes_null_when_the_newer_state_has_none(folder: ObjectStoragePath) -> None:
    load(folder, [row(1, error_code="SMS-CAR-104")])
    load(folder, [row(1, last_modified_time=LATER)])
    assert contents(folder, "error_code") == [(None,)]


TIMES: tuple[datetime | None, ...] = (None, NOON, LATER)
PAIRS = list(itertools.product(TIMES, TIMES))


def states(number: int, first: datetime | None, second: datetime | None) -> list[Any]:
    pair = (("first", first), ("second", second))
    return [row(number, message_status=status, last_modified_time=time) for status, time in pair]


def expected() -> list[tuple[str, str]]:
    def newer(first: datetime | None, second: datetime | None) -> str:
        if first is None or second is None:
            return "second" if first is None else "first"
        return "first" if first > second else "second"

    return [(str(number), newer(*pair)) for number, pair in enumerate(PAIRS)]


@pytest.mark.parametrize("existing", [0, len(PAIRS)], ids=["new table", "existing rows"])
def test_a_record_read_twice_counts_once_in_its_newest_state(folder: ObjectStoragePath, existing: int) -> None:
    load(folder, [row(number, last_modified_time=None) for number in range(existing)])
    both = [state for number, pair in enumerate(PAIRS) for state in states(number, *pair)]
    changes = load(folder, both)
    assert changes.inserted + changes.updated + changes.unchanged == len(PAIRS)
    assert contents(folder, "id", "message_status") == expected()


def test_the_newest_of_two_states_in_two_loads_stays(folder: ObjectStoragePath) -> None:
    both = [states(number, *pair) for number, pair in enumerate(PAIRS)]
    load(folder, [first for first, _ in both])
    load(folder, [second for _, second in both])
    assert contents(folder, "id", "message_status") == expected()


def test_rows_of_many_days_and_hours_are_merged_exactly(folder: ObjectStoragePath) -> None:
    def state(number: int, status: str, modified: datetime) -> Any:
        created = NOON + timedelta(minutes=37) * number
        return row(number, creation_time=created, message_status=status, last_modified_time=modified)

    load(folder, [state(number, "Sent", NOON) for number in range(0, 900, 2)], rows_per_part=7)
    newer = [state(number, "Delivered", LATER) for number in range(0, 900, 3)]
    changes = load(folder, newer[::-1], rows_per_part=7)
    assert changes == Changes(inserted=150, updated=150, unchanged=0)
    found = dict(contents(folder, "id", "message_status"))
    assert len(found) == 600
    assert {int(number) for number, status in found.items() if status == "Delivered"} == set(range(0, 900, 3))
    days = contents(folder, "creation_time", "creation_day")
    assert all(time.astimezone(UTC).date() == day for time, day in days)


def test_only_the_files_with_changes_are_replaced(folder: ObjectStoragePath) -> None:
    load(folder, rows(30), rows_per_part=10)
    before = data_files(folder)
    load(folder, [row(15, message_status="Delivered", last_modified_time=LATER)])
    assert len(before) == len(data_files(folder)) == 3
    assert len(before & data_files(folder)) == 2


def test_a_load_without_rows_creates_the_table(any_folder: ObjectStoragePath) -> None:
    assert load(any_folder, []) == Changes(inserted=0, updated=0, unchanged=0)
    assert contents(any_folder, "id") == []


def test_batches_are_partitioned_by_the_day_of_their_creation(folder: ObjectStoragePath) -> None:
    batch = Batch(id="1", from_number="+1", creation_time=NOON, status="Processing", batch_size=3, processed_count=1)
    load(folder, BATCHES.rows([batch], LOADED_AT), layout=BATCHES)
    done = Batch(id="1", from_number="+1", creation_time=NOON, status="Completed", last_modified_time=LATER)
    assert load(folder, BATCHES.rows([done], LOADED_AT), layout=BATCHES).updated == 1
    assert contents(folder, "id", "status", "creation_day") == [("1", "Completed", NOON.date())]


def test_opt_outs_are_not_partitioned_and_the_last_state_stays(folder: ObjectStoragePath) -> None:
    for status in ("OptOut", "OptIn"):
        opt_outs = [OptOut(from_number="+1", to=str(number), status=status) for number in range(50)]
        changes = load(folder, OPT_OUTS.rows(opt_outs, LOADED_AT), layout=OPT_OUTS)
    assert changes == Changes(inserted=0, updated=50, unchanged=0)
    assert table(folder).metadata().partition_columns == []
    assert {status for (status,) in contents(folder, "status")} == {"OptIn"}


def test_statuses_are_partitioned_by_the_day_of_their_window(folder: ObjectStoragePath) -> None:
    for day in range(2):
        start = NOON + timedelta(days=day)
        window = {"start": start, "end": start + timedelta(days=1)}
        totals = status_rows(StatusTotals(), **window, batch_id=None, direction=None, phone_numbers=())
        load(folder, STATUSES.rows(totals, LOADED_AT), layout=STATUSES)
        assert load(folder, STATUSES.rows(totals, LOADED_AT), layout=STATUSES).unchanged == len(totals)
    days = {day for (day,) in contents(folder, "window_day")}
    assert days == {NOON.date(), (NOON + timedelta(days=1)).date()}


def test_rejects_go_to_a_table_beside_and_a_repetition_changes_nothing(any_folder: ObjectStoragePath) -> None:
    reject = ("print-1", '{"id": 1}', "`creationTime` is missing", LOADED_AT)
    for _ in range(2):
        load(any_folder, rows(2), rejects=[reject, reject])
    beside = any_folder.parent / "messages_rejects"
    assert contents(beside, "fingerprint", "record") == [("print-1", '{"id": 1}')]
    assert table(beside).version() == 0


def test_a_layout_with_no_version_keeps_what_was_read_last(folder: ObjectStoragePath) -> None:
    unversioned = dataclasses.replace(MESSAGES, version=None)
    load(folder, [row(1, message_status="Delivered")], layout=unversioned)
    load(folder, [row(1, message_status="Sent"), row(1, message_status="Queued")], layout=unversioned)
    assert contents(folder, "message_status") == [("Queued",)]
