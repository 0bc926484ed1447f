"""Each load is one commit, also when several loads write at once."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import FolderUnavailable
from airflow_provider_hvsms.sinks.delta.merge import Merge
from airflow_provider_hvsms.sinks.delta.sink import open_delta
from airflow_provider_hvsms.sinks.delta.table import CommitConflict, Table
from airflow_provider_hvsms.sinks.schema import MESSAGES, Changes
from tests.sinks.delta.processes import Loading
from tests.sinks.delta.racing import loads_at_the_first_commit
from tests.sinks.delta.tables import contents, data_files, exists, load, table
from tests.sinks.files.sample_rows import NOON, row, rows

DAY = timedelta(days=1)


def newer(number: int, status: str = "Delivered", days: int = 2) -> Any:
    return row(number, message_status=status, last_modified_time=NOON + DAY * days)


def test_a_load_of_many_days_is_one_commit(folder: ObjectStoragePath) -> None:
    load(folder, rows(2))
    load(folder, [newer(0), *(row(number, creation_time=NOON + DAY * number) for number in range(5, 9))])
    assert table(folder).version() == 1


def test_the_history_of_the_table_holds_the_summary(folder: ObjectStoragePath) -> None:
    load(folder, rows(2))
    [commit] = table(folder).history()
    assert json.loads(commit["userMetadata"]) == {"rows": 2}


def test_readers_see_the_old_rows_until_the_commit(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3))
    with open_delta(any_folder, MESSAGES) as sink:
        sink.add([newer(1), row(7)], [])
        assert contents(any_folder, "id", "message_status") == [(str(number), "Sent") for number in range(3)]
        sink.finish({})
    assert len(contents(any_folder, "id")) == 4


def test_a_load_that_is_not_finished_leaves_no_table_and_no_file(folder: ObjectStoragePath) -> None:
    with open_delta(folder, MESSAGES, with_rejects=True) as sink:
        sink.add(rows(3), [])
    assert not exists(folder)
    assert list(Path(folder.path).iterdir()) == []


def test_a_failed_merge_leaves_the_table_and_no_new_file(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder, rows(3))
    before = sorted(Path(folder.path).rglob("*.parquet"))

    def failing(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Merge, "_insert", failing)
    with pytest.raises(OSError, match="No space left"):
        load(folder, [newer(1), row(8)])
    assert sorted(Path(folder.path).rglob("*.parquet")) == before
    assert contents(folder, "message_status") == [("Sent",)] * 3


def test_a_load_that_was_overtaken_merges_into_the_new_state(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3))
    overtaken = loads_at_the_first_commit(lambda: load(any_folder, [newer(1, "Failed", days=3), row(7)]))
    with open_delta(any_folder, MESSAGES) as sink:
        sink.add([newer(1), newer(2), row(7), row(8)], [])
        with overtaken:
            changes = sink.finish({})
    assert changes == Changes(inserted=1, updated=1, unchanged=2)
    assert contents(any_folder, "id", "message_status") == [
        ("0", "Sent"),
        ("1", "Failed"),
        ("2", "Delivered"),
        ("7", "Sent"),
        ("8", "Sent"),
    ]


def test_a_first_load_that_was_overtaken_merges_into_the_table_of_the_other(any_folder: ObjectStoragePath) -> None:
    overtaken = loads_at_the_first_commit(lambda: load(any_folder, rows(3)))
    with open_delta(any_folder, MESSAGES) as sink:
        sink.add(rows(5), [])
        with overtaken:
            changes = sink.finish({})
    assert changes == Changes(inserted=2, updated=0, unchanged=3)
    assert [number for (number,) in contents(any_folder, "id")] == ["0", "1", "2", "3", "4"]


def test_a_load_overtaken_in_other_days_commits_the_same_files(folder: ObjectStoragePath) -> None:
    load(folder, rows(1))
    written: list[set[str]] = []

    def load_another_day() -> None:
        written.append({str(file.relative_to(folder.path)) for file in Path(folder.path).rglob("*.parquet")})
        load(folder, [row(5, creation_time=NOON + 3 * DAY)])

    with open_delta(folder, MESSAGES) as sink:
        sink.add([row(2, creation_time=NOON + DAY)], [])
        with loads_at_the_first_commit(load_another_day):
            sink.finish({})
    assert written[0] < data_files(folder)
    assert len(contents(folder, "id")) == 3


def test_a_commit_whose_answer_was_lost_is_not_repeated(folder: ObjectStoragePath) -> None:
    """The store may answer to the library's repeated put that the file exists, which is its own."""
    load(folder, rows(1))
    commit = Table.commit

    def commit_and_lose(*arguments: Any) -> None:
        commit(*arguments)
        raise CommitConflict

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "commit", commit_and_lose)
        assert load(folder, [newer(0), row(1)]) == Changes(inserted=1, updated=1, unchanged=0)
    assert table(folder).version() == 1
    assert contents(folder, "id", "message_status") == [("0", "Delivered"), ("1", "Sent")]


def test_a_load_gives_up_in_words_when_others_are_always_faster(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder, rows(1))

    def lose(*_: Any) -> None:
        raise CommitConflict

    monkeypatch.setattr(Table, "commit", lose)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(FolderUnavailable, match="before each of 30 attempts.*let fewer tasks write at once"):
        load(folder, [row(1)])
    assert len(list(Path(folder.path).rglob("*.parquet"))) == 1


@pytest.mark.parametrize("existing", [0, 15], ids=["first loads", "existing rows"])
def test_processes_that_load_at_once_lose_nothing_and_insert_nothing_twice(
    any_folder: ObjectStoragePath, existing: int
) -> None:
    if existing:
        load(any_folder, rows(existing))
    loadings = [Loading(any_folder, first=first, count=20, status=f"State{first}") for first in (0, 5, 10)]
    for loading in loadings:
        loading.wait_until_staged()
    for loading in loadings:
        loading.merge()
    for loading in loadings:
        loading.changes()
        loading.close()
    assert sorted(int(number) for (number,) in contents(any_folder, "id")) == list(range(30))
    # The states of the process with the greater first number are newer.
    expected = {str(n): f"State{min(n // 5, 2) * 5}" for n in range(30)}
    assert dict(contents(any_folder, "id", "message_status")) == expected
