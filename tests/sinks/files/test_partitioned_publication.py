"""Each day of a lake holds one complete load, whenever another one stops and however two of them interleave."""

from __future__ import annotations

import functools
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from s3fs import S3FileSystem

from airflow_provider_hvsms.api.errors import FolderUnavailable
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.files.partitioned_publication import PartitionedPublication
from tests.sinks.files import endless_lake
from tests.sinks.files.folders import all_files, ids, load_lake, open_lake, temporary_names, visible_files
from tests.sinks.files.sample_rows import reject, row
from tests.sinks.files.test_publication import ObservedFolder, StepScheduler, parts_of, success

DAYS = [f"creation_day=2026-11-0{number}" for number in range(1, 5)]


class ObservedLake(ObservedFolder):
    """A lake that calls a function before each step in any of its folders."""

    def __init__(self, path: ObjectStoragePath, before_step: Callable[[], None]) -> None:
        super().__init__(path, before_step)
        self._before_step = before_step

    def subfolder(self, name: str) -> Folder:
        return ObservedFolder(self._path / name, self._before_step)


def start(lake: Folder, days: list[str]) -> PartitionedPublication:
    return PartitionedPublication(lake, days)


def upload(publication: PartitionedPublication, content: str, days: list[str]) -> None:
    """Upload two parts for each day."""
    for day in days:
        for number in range(2):
            with tempfile.TemporaryFile() as file:
                file.write(f"{content} {number}".encode())
                publication.of(day).add_part(file, ".csv")


def publish(publication: PartitionedPublication, content: str, days: list[str]) -> None:
    publication.publish({day: {"content": content} for day in days})


@pytest.fixture
def one_folder_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.sinks.files.partitioned_publication._FOLDERS_AT_ONCE", 1)


@pytest.mark.usefixtures("one_folder_at_once")
@pytest.mark.parametrize("seed", range(40))
def test_of_two_loads_at_once_the_later_one_wins_on_each_day_of_both(tmp_path: Path, seed: int) -> None:
    lake = ObjectStoragePath(f"file://{tmp_path}")
    scheduler = StepScheduler(seed)
    days = {"first": DAYS[:3], "second": DAYS[1:]}
    loads = {
        name: start(ObservedLake(lake, functools.partial(scheduler.before_step, name)), days[name]) for name in days
    }
    for name, load in loads.items():
        upload(load, name, days[name])
    scheduler.run({name: functools.partial(publish, load, name, days[name]) for name, load in loads.items()})
    for day, winner in zip(DAYS, ["first", "second", "second", "second"], strict=True):
        assert success(tmp_path / day) == winner
        assert parts_of(tmp_path / day) == [f"{winner} 0", f"{winner} 1"]
        assert not list((tmp_path / day).glob(".hvsms-*.draft"))


def test_a_load_that_ends_after_a_later_one_publishes_its_other_days(any_folder: ObjectStoragePath) -> None:
    first, second = start(Folder(any_folder), DAYS[:3]), start(Folder(any_folder), DAYS[1:2])
    for publication, name, days in ((second, "second", DAYS[1:2]), (first, "first", DAYS[:3])):
        upload(publication, name, days)
        publish(publication, name, days)
    first.discard()
    for day, winner in zip(DAYS[:3], ["first", "second", "first"], strict=True):
        files = visible_files(any_folder / day)
        assert json.loads(files.pop("_SUCCESS")) == {"content": winner}
        assert files == {f"part-0000{number}.csv": f"{winner} {number}".encode() for number in range(2)}


def test_loads_of_other_days_do_not_disturb_each_other(any_folder: ObjectStoragePath) -> None:
    loads = {day: start(Folder(any_folder), [day]) for day in DAYS}
    for day, load in reversed(loads.items()):
        upload(load, day, [day])
        publish(load, day, [day])
    assert [json.loads(visible_files(any_folder / day)["_SUCCESS"])["content"] for day in DAYS] == DAYS


def test_finished_loads_leave_one_hidden_file_beside_the_folders(any_folder: ObjectStoragePath) -> None:
    for number in range(3):
        load_lake(any_folder, 2, [row(number)])
    assert [name[-5:] for name in all_files(any_folder)] == [".load"]


def test_a_lake_without_its_hidden_files_is_still_replaced(any_folder: ObjectStoragePath) -> None:
    for number in range(3):
        load_lake(any_folder, 1, [row(number)])
    for name in all_files(any_folder):
        any_folder.fs.rm_file(f"{any_folder.path}/{name}")
    load_lake(any_folder, 1, [row(7)])
    assert ids(any_folder / DAYS[0]) == ["7"]


def test_a_load_that_is_not_finished_changes_nothing(any_folder: ObjectStoragePath) -> None:
    load_lake(any_folder, 2, [row(1)])
    before = [all_files(folder) for folder in (any_folder, any_folder / DAYS[0], any_folder / DAYS[1])]
    with open_lake(any_folder, 2, rows_per_part=10) as sink:
        sink.add([row(number) for number in range(25)], [reject(1)])
    assert [all_files(folder) for folder in (any_folder, any_folder / DAYS[0], any_folder / DAYS[1])] == before


def test_a_store_that_fails_while_publishing_leaves_each_day_whole(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_lake(folder, 3, [row(1)], format="csv")

    def failing_rename(renamed: Folder, names: dict[str, str]) -> None:
        if renamed.display_name.endswith(DAYS[1]):
            raise FolderUnavailable("The store does not answer.")
        rename(renamed, names)

    rename: Any = Folder.rename
    monkeypatch.setattr(Folder, "rename", failing_rename)
    with pytest.raises(FolderUnavailable):
        load_lake(folder, 3, [row(number) for number in range(5)], format="csv", rows_per_part=2)
    for day in DAYS[:3]:
        files = visible_files(folder / day)
        assert json.loads(files["_SUCCESS"])["rows"] == sum(file.count(b"Outbound") for file in files.values())
    monkeypatch.undo()
    load_lake(folder, 3, [row(2)])
    assert [ids(folder / day) for day in DAYS[:3]] == [["2"], [], []]


@pytest.mark.parametrize(("store", "kills"), [("file", 20), ("s3", 5)])
def test_a_load_that_is_killed_at_any_moment_leaves_no_partial_day(
    folder: ObjectStoragePath, s3: S3FileSystem, store: str, kills: int
) -> None:
    if store == "s3":
        folder = ObjectStoragePath(f"s3://lake@lake/{os.urandom(4).hex()}")
    chance = random.Random(7)
    for _ in range(kills):
        kill_a_load(folder, s3.endpoint_url, chance.random())
        assert [is_whole(folder / day) for day in DAYS[:3]] == [True] * 3
    load_lake(folder, 3, [row(1)])
    assert [ids(folder / day) for day in DAYS[:3]] == [["1"], [], []]
    assert [temporary_names(folder / day) for day in DAYS[:3]] == [[], [], []]


def kill_a_load(folder: ObjectStoragePath, s3_url: str, moment: float) -> None:
    """Kill a process in its third load, at a moment that is a part of the time that its second one took."""
    process, finished = endless_lake.start(str(folder), s3_url)
    finished.recv()
    started = time.monotonic()
    finished.recv()
    time.sleep(moment * (time.monotonic() - started))
    assert process.is_alive()
    process.kill()
    process.join()
    finished.close()


def is_whole(day: ObjectStoragePath) -> bool:
    """Whether a day holds all rows of the load that its `_SUCCESS` tells of."""
    files = all_files(day)
    summary = json.loads(files["_SUCCESS"])
    assert summary["rows"] > 30
    text = f'"{summary["load"]}"'.encode()
    return bool(summary["rows"] == sum(file.count(text) for name, file in files.items() if name.startswith("part-")))
