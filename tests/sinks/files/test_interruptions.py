"""A load that is not finished changes nothing that readers see."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_hvsms.api.errors import FolderUnavailable
from airflow_provider_hvsms.sinks.files.registry import FORMATS
from airflow_provider_hvsms.sinks.schema import Row
from tests.sinks.files.folders import (
    all_files,
    ids,
    load,
    open_sink,
    put_files,
    temporary_names,
    visible_files,
    visible_names,
)
from tests.sinks.files.sample_rows import reject, rows


def interrupted_load(folder: ObjectStoragePath, rows: list[Row], **options: Any) -> None:
    def interrupted() -> None:
        with open_sink(folder, **options) as sink:
            sink.add(rows, [reject(1)])
            raise RuntimeError("the message store does not answer")

    with pytest.raises(RuntimeError, match="the message store does not answer"):
        interrupted()


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_previous_load_stays_complete_until_the_next_one_is_published(
    any_folder: ObjectStoragePath, format_name: str
) -> None:
    load(any_folder, rows(3), format=format_name)
    before = visible_files(any_folder)
    with open_sink(any_folder, format=format_name, rows_per_part=10) as sink:
        sink.add(rows(25), [reject(1)])
        assert visible_files(any_folder) == before
        sink.finish({})
    assert len(visible_files(any_folder)) == 5


def test_a_failed_load_leaves_the_folder_unchanged(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3))
    before = all_files(any_folder)
    interrupted_load(any_folder, rows(3_500), rows_per_part=2_000)
    assert all_files(any_folder) == before


def test_a_load_that_is_not_finished_leaves_no_files(any_folder: ObjectStoragePath) -> None:
    put_files(any_folder, "README")
    with open_sink(any_folder, rows_per_part=10) as sink:
        sink.add(rows(15), [reject(1)])
    assert list(all_files(any_folder)) == ["README"]


def test_a_load_after_an_interrupted_one_is_exact(any_folder: ObjectStoragePath) -> None:
    interrupted_load(any_folder, rows(45), rows_per_part=10)
    load(any_folder, rows(12), rows_per_part=10)
    assert visible_names(any_folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz"]
    assert ids(any_folder) == [str(number) for number in range(12)]


def test_a_killed_load_leaves_the_previous_one_unchanged_and_the_next_one_is_exact(folder: ObjectStoragePath) -> None:
    load(folder, rows(3))
    before = visible_files(folder)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.sinks.files.endless_load", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for _ in range(5):  # one line for 1,000 rows, 300 rows per part
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    assert visible_files(folder) == before
    hidden = temporary_names(folder)
    assert len(hidden) >= 15

    load(folder, rows(12), rows_per_part=10)
    assert visible_names(folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz"]
    assert ids(folder) == [str(number) for number in range(12)]
    assert not temporary_names(folder)


def test_the_next_load_removes_the_hidden_files_of_a_killed_one(any_folder: ObjectStoragePath) -> None:
    put_files(any_folder, f".hvsms-{'0af3' * 8}.draft")
    load(any_folder, [])
    assert not temporary_names(any_folder)


def test_no_file_is_left_on_the_local_disk(
    any_folder: ObjectStoragePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    with open_sink(any_folder, rows_per_part=10) as sink:
        sink.add(rows(15), [reject(1)])
        assert not list((tmp_path / "scratch").iterdir())
        sink.finish({})
    assert not list((tmp_path / "scratch").iterdir())


def test_a_local_part_becomes_visible_only_when_it_is_complete(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    put_file = LocalFileSystem.put_file

    def observed_upload(fs: Any, source: str, target: str) -> None:
        put_file(fs, source, target)
        seen.append(visible_names(folder))

    monkeypatch.setattr(LocalFileSystem, "put_file", observed_upload)
    load(folder, rows(1))
    assert seen == [[]]
    assert visible_names(folder) == ["_SUCCESS", "part-00000.jsonl.gz"]


def test_a_failed_upload_leaves_no_hidden_file(folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing_upload(fs: Any, source: str, target: str) -> None:
        Path(target).write_bytes(b"incomplete")
        raise OSError(28, "No space left on device")

    with open_sink(folder) as sink:
        sink.add(rows(1), [])
        monkeypatch.setattr(LocalFileSystem, "put_file", failing_upload)
        with pytest.raises(FolderUnavailable, match="OSError: .*No space left on device"):
            sink.finish({})
    assert all_files(folder) == {}
