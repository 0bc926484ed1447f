"""Rejected recipients are kept in files: one for each part of a run, which a retry completes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from s3fs import S3FileSystem

from airflow_provider_hvsms.api.errors import TableMismatch, UnusableFolder
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.rejected_files import RejectedFolder
from airflow_provider_hvsms.sinks.rejected_recipients import REJECTED_RECIPIENTS
from tests.support.rejected import FIRST, RUN, SECOND, keeper, rejection, untold


def target(path: Path | str) -> RejectedFolder:
    return RejectedFolder(Folder(ObjectStoragePath(str(path))))


def lines_in(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each file, hidden ones included."""
    return {path.name: [json.loads(line) for line in path.read_bytes().splitlines()] for path in folder.iterdir()}


def test_a_part_is_one_file_with_a_line_for_each_recipient(tmp_path: Path) -> None:
    keeper(target(tmp_path / "rejected")).keep(2, [rejection(FIRST), rejection(SECOND)], batch_id="b1")
    [(name, lines)] = lines_in(tmp_path / "rejected").items()
    assert name.startswith("scheduled__2026-11-01T00_00_00_00_00-send-")
    assert name.endswith("-part-00002.jsonl")
    assert [line["to_number"] for line in lines] == [FIRST, SECOND]
    assert [*lines[0]] == REJECTED_RECIPIENTS.names
    assert lines[0]["rejected_at"].endswith("Z")


def test_the_same_again_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    keeper(target(tmp_path)).keep(1, [rejection()])
    [path] = tmp_path.iterdir()
    before = (path.read_bytes(), path.stat().st_ino)
    keeper(target(tmp_path)).keep(1, [rejection()])
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_what_only_the_first_answer_told_stays_in_the_file(tmp_path: Path) -> None:
    keeper(target(tmp_path)).keep(1, [rejection(FIRST)])
    before = lines_in(tmp_path)
    keeper(target(tmp_path)).keep(1, [untold(rejection(FIRST))])
    assert lines_in(tmp_path) == before
    keeper(target(tmp_path)).keep(1, [untold(rejection(FIRST)), rejection(SECOND)])
    [lines] = lines_in(tmp_path).values()
    assert [(line["to_number"], line["error_code"]) for line in lines] == [
        (FIRST, "SMS-RC-410"), (SECOND, "SMS-RC-410"),
    ]  # fmt: skip


def test_runs_whose_names_look_alike_have_files_of_their_own(tmp_path: Path) -> None:
    long = "x" * 300
    for run_id in ("a:b", "a_b", long + "1", long + "2"):
        keeper(target(tmp_path), run=dataclasses.replace(RUN, run_id=run_id)).keep(1, [rejection()])
    assert len(lines_in(tmp_path)) == 4


def test_a_file_keeps_to_one_setting(tmp_path: Path) -> None:
    keeper(target(tmp_path)).keep(1, [rejection()])
    with pytest.raises(TableMismatch, match="personal_data is 'drop'"):
        keeper(target(tmp_path), "drop").keep(1, [rejection()])


@pytest.mark.parametrize("content", ["{", "[]\n", '{"to_number": "1"}\n', "\x00"])
def test_a_file_of_something_else_is_not_replaced(tmp_path: Path, content: str) -> None:
    keeper(target(tmp_path)).keep(1, [rejection()])
    [path] = tmp_path.iterdir()
    path.write_text(content)
    with pytest.raises(UnusableFolder, match="Move it away"):
        keeper(target(tmp_path)).keep(1, [rejection()])
    assert path.read_text() == content


def test_a_folder_that_cannot_be_written_shows_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "rejected").write_text("a file")
    with pytest.raises(UnusableFolder, match="is a file"):
        keeper(target(tmp_path / "rejected")).check()


def test_numbers_are_as_protected_as_in_a_table(tmp_path: Path) -> None:
    keeper(target(tmp_path / "dropped"), "drop").keep(1, [rejection(FIRST)])
    keeper(target(tmp_path / "hashed"), "hash").keep(1, [rejection(FIRST)])
    [[dropped]], [[hashed]] = lines_in(tmp_path / "dropped").values(), lines_in(tmp_path / "hashed").values()
    assert dropped["to_number"] is None
    assert len(hashed["to_number"]) == 64
    assert "4155550101" not in json.dumps([dropped, hashed])


def test_files_go_to_an_object_store(s3: S3FileSystem) -> None:
    rejected = keeper(target("s3://lake@lake/rejected"))
    rejected.check()
    for _ in range(2):
        rejected.keep(1, [rejection()])
    [name] = s3.ls("lake/rejected")
    assert json.loads(s3.cat_file(name))["to_number"] == FIRST
