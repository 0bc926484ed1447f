"""Rows of many partitions at once: the same bytes, with few rows in memory, few open files and little on the disk."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.files import spool
from airflow_provider_hvsms.sinks.files.registry import FORMATS
from tests.sinks.files.folders import DAYS, FIRST_DAY, ids, load, load_lake, open_lake, subfolders, visible_files
from tests.sinks.files.sample_rows import on_day, reject, row, rows


def open_files() -> list[int]:
    """The sizes of the regular files that this process has open."""
    numbers = [int(entry.name) for entry in Path("/dev/fd").iterdir()]
    found = []
    for number in numbers:
        with suppress(OSError):  # that of the listing is closed by now
            status = os.fstat(number)
            if stat.S_ISREG(status.st_mode):
                found.append(status.st_size)
    return found


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_rows_give_the_same_bytes_however_they_were_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_name: str
) -> None:
    many = [on_day(1 + number % 2, number % 1_440) for number in range(24_000)]
    lakes = [ObjectStoragePath(f"file://{tmp_path}/{name}") for name in "ab"]
    for lake, step, in_memory in zip(lakes, (24_000, 777), (10_000, 3_333), strict=True):
        monkeypatch.setattr(spool, "_MAX_ROWS_IN_MEMORY", in_memory)
        with open_lake(lake, 2, format=format_name, rows_per_part=11_000) as sink:
            for start in range(0, len(many), step):
                sink.add(many[start : start + step], [])
            sink.finish({})
    for day in DAYS[:2]:
        assert len(visible_files(lakes[0] / day)) == 3
        assert visible_files(lakes[0] / day) == visible_files(lakes[1] / day)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_partitioned_file_holds_what_one_without_partitions_does(tmp_path: Path, format_name: str) -> None:
    lake, folder = (ObjectStoragePath(f"file://{tmp_path}/{name}") for name in ("lake", "folder"))
    many = rows(12_000)
    load_lake(lake, 2, many, format=format_name, compression="none")
    load(folder, many, format=format_name, compression="none")
    [(name, expected)] = [(name, file) for name, file in visible_files(folder).items() if name.startswith("part-")]
    assert visible_files(lake / DAYS[0])[name] == expected


def test_few_files_are_open_with_many_partitions(folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_MAX_ROWS_IN_MEMORY", 100)
    before = len(open_files())
    hours = [FIRST_DAY + timedelta(hours=number) for number in range(200)]
    many = [row(number, creation_time=hour) for number in range(3) for hour in hours]
    with open_lake(folder, Window(FIRST_DAY, hours[-1] + timedelta(hours=1)), partition_by="hour") as sink:
        sink.add(many, [])
        sink.add(many, [])
        assert len(open_files()) - before < 40
        sink.finish({})
    assert len(open_files()) == before
    assert len(subfolders(folder)) == 200
    for hour in hours:
        assert ids(folder / f"creation_hour={hour:%Y-%m-%dT%H}") == ["0", "1", "2"] * 2


def test_the_local_disk_holds_no_rows_of_complete_parts(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "_MAX_ROWS_IN_MEMORY", 30)
    before = sum(open_files())
    with open_lake(folder, 2, rows_per_part=100, compression="none") as sink:
        for number in range(500):
            sink.add([on_day(1, number), on_day(2, number)], [])
            # A row takes about 500 bytes.
            assert sum(open_files()) - before < 2 * 100 * 600
        sink.finish({})
    assert [len(ids(folder / day)) for day in DAYS[:2]] == [500, 500]


def test_no_file_is_left_on_the_local_disk(
    any_folder: ObjectStoragePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr(spool, "_MAX_ROWS_IN_MEMORY", 10)
    with open_lake(any_folder, 2) as sink:
        sink.add([on_day(1, 1), on_day(2, 2)] * 10, [reject(1)])
        assert not list((tmp_path / "scratch").iterdir())
        sink.finish({})
    assert not list((tmp_path / "scratch").iterdir())
