"""A lake keeps to one `personal_data`: a load with another one that would leave older folders is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.files.partitioned_sink import open_partitions
from airflow_provider_hvsms.sinks.files.sink import open_files
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from tests.sinks.files.folders import DAYS, FIRST_DAY, all_files, put_files, subfolders, visible_files
from tests.support.messages import message
from tests.support.personal_data import CHANGES, SETTINGS, layout_of, rows_of


def days(first: int, last: int) -> Window:
    return Window(FIRST_DAY + timedelta(days=first - 1), FIRST_DAY + timedelta(days=last))


def load(lake: ObjectStoragePath, setting: PersonalData, window: Window, *on_days: int) -> None:
    """Load a message of each of these days, and give the summary that a transfer gives."""
    messages = [message(day, creation_time=FIRST_DAY + timedelta(days=day - 1)) for day in on_days]
    summary: dict[str, Any] = {"rows": len(messages)}
    with open_partitions(lake, layout_of(setting), window=window, partition_by="day", format="jsonl") as sink:
        sink.add(rows_of(setting, *messages), [])
        sink.finish(summary if setting == "keep" else {**summary, "personal_data": setting})


@pytest.mark.parametrize(("held", "setting"), CHANGES)
def test_another_setting_is_refused_before_the_read(
    any_folder: ObjectStoragePath, held: PersonalData, setting: PersonalData
) -> None:
    load(any_folder, held, days(1, 2), 1, 2)
    before = [all_files(any_folder / day) for day in DAYS[:2]]
    with pytest.raises(TableMismatch, match=f"lake .*{DAYS[0]}.* holds .*{held!r}, but personal_data is {setting!r}"):
        load(any_folder, setting, days(2, 3), 2, 3)
    assert [all_files(any_folder / day) for day in DAYS[:2]] == before
    assert subfolders(any_folder) == DAYS[:2]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_same_setting_is_accepted_again(any_folder: ObjectStoragePath, setting: PersonalData) -> None:
    for day in (1, 2, 3):
        load(any_folder, setting, days(day, day), day)
    assert subfolders(any_folder) == DAYS[:3]


@pytest.mark.parametrize(("held", "setting"), CHANGES)
def test_a_load_that_replaces_all_folders_may_have_another_setting(
    folder: ObjectStoragePath, held: PersonalData, setting: PersonalData
) -> None:
    load(folder, held, days(1, 2), 1, 2)
    load(folder, setting, days(1, 3), 1, 2, 3)
    load(folder, setting, days(4, 4), 4)
    assert subfolders(folder) == DAYS[:4]


@pytest.mark.parametrize(("held", "setting"), CHANGES)
def test_folders_without_rows_accept_any_setting(
    folder: ObjectStoragePath, held: PersonalData, setting: PersonalData
) -> None:
    load(folder, held, days(1, 2))
    load(folder, setting, days(3, 3), 3)
    with pytest.raises(TableMismatch):
        load(folder, held, days(4, 4), 4)


def test_folders_of_an_earlier_version_hold_numbers_as_they_are(folder: ObjectStoragePath) -> None:
    load(folder, "keep", days(1, 1), 1)
    assert b"personal_data" not in visible_files(folder / DAYS[0])["_SUCCESS"]
    with pytest.raises(TableMismatch, match="holds phone numbers as they are"):
        load(folder, "hash", days(2, 2), 2)


@pytest.mark.parametrize("name", ["_SUCCESS", "part-00000.jsonl.gz"])
def test_folders_that_no_load_has_completed_are_passed_over(folder: ObjectStoragePath, name: str) -> None:
    load(folder, "hash", days(1, 1), 1)
    put_files(folder / DAYS[4], name)
    load(folder, "hash", days(2, 2), 2)
    with pytest.raises(TableMismatch):
        load(folder, "keep", days(2, 2), 2)


def test_check_reads_one_small_file(folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    load(folder, "hash", days(1, 4), 1, 2, 3, 4)
    read: list[str] = []
    original = Folder.read

    def noted(self: Folder, name: str) -> bytes:
        read.append(f"{self.display_name}/{name}")
        return original(self, name)

    monkeypatch.setattr(Folder, "read", noted)
    load(folder, "hash", days(5, 5), 5)
    [success] = read
    assert success.endswith(f"/{DAYS[3]}/_SUCCESS")


@pytest.mark.parametrize(("held", "setting"), CHANGES)
def test_folder_of_one_window_is_replaced_whatever_its_setting(
    folder: ObjectStoragePath, held: PersonalData, setting: PersonalData
) -> None:
    for one in (held, setting):
        with open_files(folder, layout_of(one), format="jsonl") as sink:
            sink.add(rows_of(one, message(1)), [])
            sink.finish({"rows": 1})
    assert len([name for name in visible_files(folder) if name.startswith("part-")]) == 1
