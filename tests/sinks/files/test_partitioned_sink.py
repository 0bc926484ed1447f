"""A lake: the folders of a finished load, and what replaces what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import InvalidRecord, InvalidRequest, UnusableFolder
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.files.partitioned_sink import open_partitions
from airflow_provider_hvsms.sinks.files.registry import FORMATS
from airflow_provider_hvsms.sinks.schema import MESSAGES, STATUSES, Row
from tests.sinks.files.folders import (
    DAYS,
    FIRST_DAY,
    all_files,
    ids,
    load,
    load_lake,
    parse_jsonl,
    put_files,
    subfolders,
    visible_files,
    visible_names,
)
from tests.sinks.files.sample_rows import LOADED_AT, on_day, rows


def reject_of(record: str) -> Row:
    return (f"print of {record}", record, "`direction` is missing", LOADED_AT)


def success(folder: ObjectStoragePath) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(visible_files(folder)["_SUCCESS"])
    return found


def rejected(folder: ObjectStoragePath) -> list[str]:
    return [line["record"] for line in parse_jsonl(visible_files(folder).get("_rejects.jsonl", b""))]


def test_rows_go_to_the_folder_of_their_day_in_any_order(any_folder: ObjectStoragePath) -> None:
    load_lake(any_folder, 3, [on_day(2, 1), on_day(1, 2), on_day(3, 3), on_day(1, 4), on_day(2, 5)])
    assert subfolders(any_folder) == DAYS[:3]
    assert [ids(any_folder / day) for day in DAYS[:3]] == [["2", "4"], ["1", "5"], ["3"]]
    assert visible_names(any_folder) == []
    assert visible_names(any_folder / DAYS[0]) == ["_SUCCESS", "part-00000.jsonl.gz"]


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_can_be_partitioned_in_every_store(any_folder: ObjectStoragePath, format_name: str) -> None:
    load_lake(any_folder, 2, [on_day(1, 1), on_day(2, 2)], format=format_name)
    for day in DAYS[:2]:
        assert len(visible_files(any_folder / day)) == 2


@pytest.mark.parametrize(
    ("partition_by", "window", "names"),
    [
        ("hour", Window(FIRST_DAY, FIRST_DAY + timedelta(hours=1)), ["creation_hour=2026-11-01T00"]),
        ("month", Window(FIRST_DAY, datetime(2026, 12, 1, tzinfo=UTC)), ["creation_month=2026-11"]),
    ],
)
def test_hours_and_months_have_folders_too(
    folder: ObjectStoragePath, partition_by: str, window: Window, names: list[str]
) -> None:
    load_lake(folder, window, [on_day(1, 1)], partition_by=partition_by)
    assert subfolders(folder) == names
    assert ids(folder / names[0]) == ["1"]


def test_each_folder_has_the_summary_of_the_load_with_totals_of_its_own(any_folder: ObjectStoragePath) -> None:
    load_lake(any_folder, 3, [on_day(1, 1), on_day(1, 2), on_day(2, 3)], rejects=[reject_of("{}")])
    assert [success(any_folder / day) for day in DAYS[:3]] == [
        {"rows": 2, "pages": 2, "rejected": 1},
        {"rows": 1, "pages": 2, "rejected": 0},
        {"rows": 0, "pages": 2, "rejected": 0},
    ]


def test_a_load_replaces_each_day_of_its_window_and_no_other(any_folder: ObjectStoragePath) -> None:
    load_lake(any_folder, 3, [on_day(day, day, message_status="Sent") for day in (1, 2, 3)])
    window = Window(FIRST_DAY + timedelta(days=1), FIRST_DAY + timedelta(days=4))
    load_lake(any_folder, window, [on_day(day, day, message_status="Delivered") for day in (2, 3, 4)])
    statuses = []
    for day in DAYS[:4]:
        [part] = [file for name, file in visible_files(any_folder / day).items() if name.startswith("part-")]
        statuses += [(line["id"], line["message_status"]) for line in parse_jsonl(part)]
    assert statuses == [("1", "Sent"), ("2", "Delivered"), ("3", "Delivered"), ("4", "Delivered")]


def test_a_day_of_the_window_without_rows_loses_its_older_parts(any_folder: ObjectStoragePath) -> None:
    load_lake(any_folder, 2, [on_day(1, 1), on_day(2, 2)])
    load_lake(any_folder, 2, [on_day(2, 2)])
    assert visible_names(any_folder / DAYS[0]) == ["_SUCCESS"]
    assert success(any_folder / DAYS[0])["rows"] == 0


def test_a_day_without_rows_has_a_parquet_file_with_the_schema(folder: ObjectStoragePath) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    load_lake(folder, 1, [], format="parquet")
    [part] = Path(folder.path, DAYS[0]).glob("part-*")
    assert parquet.read_schema(part).names == MESSAGES.names


def test_a_day_that_has_not_begun_is_left_alone(folder: ObjectStoragePath) -> None:
    load_lake(folder, 3, [on_day(3, 3)])
    noon = FIRST_DAY + timedelta(days=1, hours=12)
    load_lake(folder, 3, [on_day(1, 1), on_day(2, 2)], now=noon)
    assert [ids(folder / day) for day in DAYS[:3]] == [["1"], ["2"], ["3"]]


def test_a_day_that_began_while_the_load_was_opened_is_written(folder: ObjectStoragePath) -> None:
    before_midnight = FIRST_DAY + timedelta(days=1, seconds=-1)
    load_lake(folder, 2, [on_day(1, 1), on_day(2, 2)], now=before_midnight)
    assert ids(folder / DAYS[1]) == ["2"]


def test_a_row_outside_the_window_fails_the_load_and_no_folder_changes(folder: ObjectStoragePath) -> None:
    load_lake(folder, 1, [on_day(1, 1)])
    with pytest.raises(
        InvalidRecord, match=r"1 records of creation_day=2026-11-02, which lies outside the window \[20"
    ):
        load_lake(folder, 1, [on_day(1, 1), on_day(1, 2), on_day(2, 3)])
    assert subfolders(folder) == DAYS[:1]
    assert ids(folder / DAYS[0]) == ["1"]


def test_the_rejects_of_a_record_are_in_the_folder_of_its_day(any_folder: ObjectStoragePath) -> None:
    second = '{"creationTime":"2026-11-02T23:59:59.5-00:30","id":"1"}'
    third = '{"id":"2","creationTime":"2026-11-03T00:00:00Z"}'
    load_lake(any_folder, 4, [], rejects=[reject_of(third), reject_of(second)])
    assert [rejected(any_folder / day) for day in DAYS[:4]] == [[], [], [third, second], []]


@pytest.mark.parametrize(
    "record",
    [
        "{}",
        "[1]",
        "not JSON",
        '{"creationTime":"2026-11-02T00:00:00"}',
        '{"creationTime":null}',
        '{"creationTime":"0001-01-01T00:00:00+10:00"}',
        '{"creationTime":"2026-11-07T00:00:00Z"}',
    ],
)
def test_a_reject_without_a_readable_day_of_the_window_is_in_the_folder_of_the_first(
    folder: ObjectStoragePath, record: str
) -> None:
    load_lake(folder, 2, [], rejects=[reject_of(record)])
    assert [rejected(folder / day) for day in DAYS[:2]] == [[record], []]


def test_a_reject_that_can_be_read_later_is_gone(any_folder: ObjectStoragePath) -> None:
    load_lake(any_folder, 2, [], rejects=[reject_of('{"creationTime":"2026-11-02T00:00:00Z"}'), reject_of("{}")])
    load_lake(any_folder, 2, [on_day(2, 1)])
    assert [visible_names(any_folder / day) for day in DAYS[:2]] == [["_SUCCESS"], ["_SUCCESS", "part-00000.jsonl.gz"]]


def test_no_reject_is_lost_when_windows_move_on(folder: ObjectStoragePath) -> None:
    """Each of three runs reads two days; the record without a day was created on the second."""
    for day in range(3):
        window = Window(FIRST_DAY + timedelta(days=day), FIRST_DAY + timedelta(days=day + 2))
        load_lake(folder, window, [], rejects=[reject_of("{}")] if day < 2 else [])
    assert [rejected(folder / day) for day in DAYS[:4]] == [["{}"], ["{}"], [], []]


def test_a_folder_has_parts_of_a_bounded_number_of_rows(any_folder: ObjectStoragePath) -> None:
    load_lake(any_folder, 2, [on_day(1 + number % 2, number) for number in range(50)], rows_per_part=10)
    for day, remainder in zip(DAYS[:2], (0, 1), strict=True):
        parts = [name for name in visible_names(any_folder / day) if name.startswith("part-")]
        assert parts == [f"part-0000{number}.jsonl.gz" for number in range(3)]
        assert ids(any_folder / day) == [str(number) for number in range(50) if number % 2 == remainder]


def test_a_window_that_cuts_a_day_is_refused_before_the_folder_is_created(folder: ObjectStoragePath) -> None:
    with pytest.raises(InvalidRequest, match="covers only a part of creation_day=2026-11-01"):
        load_lake(folder, Window(FIRST_DAY, FIRST_DAY + timedelta(hours=1)), [])
    assert not folder.exists()


def test_rows_without_a_time_of_creation_are_refused(folder: ObjectStoragePath) -> None:
    window = Window(FIRST_DAY, FIRST_DAY + timedelta(days=1))
    with pytest.raises(InvalidRequest, match="no creation_time"):
        with open_partitions(folder, STATUSES, window=window, partition_by="day", format="jsonl"):
            pass


def test_a_folder_that_holds_a_load_without_partitions_is_refused(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(1))
    before = all_files(any_folder)
    with pytest.raises(UnusableFolder, match=r"holds part-0.*\.gz of a load with another partition_by than 'day', so"):
        load_lake(any_folder, 1, [])
    assert all_files(any_folder) == before


@pytest.mark.parametrize("partition_by", ["day", None])
def test_a_folder_with_other_partitions_is_refused(any_folder: ObjectStoragePath, partition_by: str | None) -> None:
    load_lake(any_folder, 1, [], partition_by="hour")
    expected = f"holds creation_hour=2026-11-01T00 of a load with another partition_by than {partition_by!r}, so"
    with pytest.raises(UnusableFolder, match=expected):
        if partition_by:
            load_lake(any_folder, 1, [], partition_by=partition_by)
        else:
            load(any_folder, [])


def test_unrelated_files_and_folders_are_kept(any_folder: ObjectStoragePath) -> None:
    put_files(any_folder, "README", "_schema.json")
    put_files(any_folder / "archive", "file")
    put_files(any_folder / DAYS[0], "note.txt")
    load_lake(any_folder, 1, [on_day(1, 1)])
    assert visible_names(any_folder) == ["README", "_schema.json"]
    assert visible_names(any_folder / "archive") == ["file"]
    assert visible_names(any_folder / DAYS[0]) == ["_SUCCESS", "note.txt", "part-00000.jsonl.gz"]


def test_duckdb_finds_each_row_once_by_its_day(folder: ObjectStoragePath) -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    many = [on_day(1 + number % 3, number) for number in range(90)]
    for some in (many[:80], many):
        load_lake(folder, 3, some, rejects=[reject_of("{}")], format="parquet", rows_per_part=10)
    files = f"read_parquet('{folder.path}/*/*.parquet', hive_partitioning = true)"
    assert duckdb.sql(f"SELECT count(*), count(DISTINCT id) FROM {files}").fetchall() == [(90, 90)]
    by_day = duckdb.sql(f"SELECT creation_day, count(*) FROM {files} GROUP BY ALL ORDER BY ALL").fetchall()
    assert by_day == [((FIRST_DAY + timedelta(days=number)).date(), 30) for number in range(3)]
