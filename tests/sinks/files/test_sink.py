"""The files of a finished load, and what replaces what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.sinks.files.registry import FORMATS, SUFFIXES
from tests.sinks.files.folders import ids, load, open_sink, parse_jsonl, put_files, visible_files, visible_names
from tests.sinks.files.sample_rows import reject, row, rows


def test_rows_become_numbered_parts_and_a_success_file(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(25), rows_per_part=10)
    assert visible_names(any_folder) == [
        "_SUCCESS",
        "part-00000.jsonl.gz",
        "part-00001.jsonl.gz",
        "part-00002.jsonl.gz",
    ]
    assert ids(any_folder) == [str(number) for number in range(25)]


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_can_be_written_to_every_store(any_folder: ObjectStoragePath, format_name: str) -> None:
    load(any_folder, rows(3), format=format_name)
    assert len(visible_files(any_folder)) == 2


def test_the_success_file_holds_the_summary(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3))
    assert json.loads(visible_files(any_folder)["_SUCCESS"]) == {"rows": 3}


def test_a_full_last_part_is_not_followed_by_an_empty_one(folder: ObjectStoragePath) -> None:
    load(folder, rows(20), rows_per_part=10)
    assert visible_names(folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz"]


def test_a_part_may_hold_any_number_of_rows_above_the_block_size(folder: ObjectStoragePath) -> None:
    load(folder, rows(5_000), rows_per_part=2_345)
    assert [len(parse_jsonl(file)) for name, file in sorted(visible_files(folder).items()) if "part" in name] == [
        2_345,
        2_345,
        310,
    ]


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_rows_give_the_same_bytes_however_they_were_added(tmp_path: Path, format_name: str) -> None:
    folders = [ObjectStoragePath(f"file://{tmp_path}/{name}") for name in "ab"]
    many = rows(12_000)
    for step, folder in zip((12_000, 777), folders, strict=True):
        with open_sink(folder, format=format_name, rows_per_part=11_000) as sink:
            for start in range(0, len(many), step):
                sink.add(many[start : start + step], [])
            sink.finish({})
    assert visible_files(folders[0]) == visible_files(folders[1])
    assert len(visible_files(folders[0])) == 3


def test_the_surplus_parts_of_a_longer_previous_load_are_removed(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(50), rows_per_part=10)
    load(any_folder, rows(15), rows_per_part=10)
    assert visible_names(any_folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz"]
    assert ids(any_folder) == [str(number) for number in range(15)]


def test_the_parts_of_a_previous_load_in_another_format_are_removed(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3), format="parquet")
    load(any_folder, rows(3), format="jsonl", compression="none")
    load(any_folder, rows(3), format="csv")
    load(any_folder, rows(3), format="csv", compression="gzip")
    assert visible_names(any_folder) == ["_SUCCESS", "part-00000.csv.gz"]


def test_unrelated_files_are_kept(any_folder: ObjectStoragePath) -> None:
    others = ["README", "part-1.jsonl", "part-00000.orc", "my-part-00000.csv", "part-00000.jsonl.gz.bak", ".hidden"]
    put_files(any_folder, *others)
    load(any_folder, rows(1))
    assert visible_names(any_folder) == sorted([*others, "_SUCCESS", "part-00000.jsonl.gz"])


def test_a_subfolder_is_kept_even_if_it_is_named_like_a_part(folder: ObjectStoragePath) -> None:
    put_files(folder / "part-00007.parquet", "file")
    load(folder, rows(1))
    assert visible_files(folder / "part-00007.parquet") == {"file": b"content"}


@pytest.mark.parametrize("format_name", ["jsonl", "csv"])
def test_a_load_without_rows_has_no_part(any_folder: ObjectStoragePath, format_name: str) -> None:
    load(any_folder, rows(1), format=format_name)
    load(any_folder, [], format=format_name)
    assert visible_names(any_folder) == ["_SUCCESS"]


def test_a_parquet_load_without_rows_has_one_part_with_the_schema(any_folder: ObjectStoragePath) -> None:
    load(any_folder, [], format="parquet")
    pyarrow: Any = pytest.importorskip("pyarrow")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    found = parquet.read_table(pyarrow.BufferReader(visible_files(any_folder)["part-00000.parquet"]))
    assert (found.num_rows, found.num_columns) == (0, 13)


def test_rejects_are_written_to_a_separate_file(any_folder: ObjectStoragePath) -> None:
    with open_sink(any_folder, format="csv") as sink:
        sink.add([row(1)], [reject(1)])
        sink.add([], [reject(2), reject(3)])
        sink.finish({})
    assert visible_names(any_folder) == ["_SUCCESS", "_rejects.jsonl", "part-00000.csv"]
    found = parse_jsonl(visible_files(any_folder)["_rejects.jsonl"])
    assert [line["fingerprint"] for line in found] == ["print-1", "print-2", "print-3"]
    assert found[0] == {
        "fingerprint": "print-1",
        "record": '{"id": 1}',
        "reason": "`creationTime` is missing",
        "loaded_at": "2026-11-02T12:00:00Z",
    }


def test_the_rejects_of_a_previous_load_are_removed(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(1), rejects=[reject(1)])
    put_files(any_folder, "rejects.jsonl")
    load(any_folder, rows(1))
    assert visible_names(any_folder) == ["_SUCCESS", "part-00000.jsonl.gz"]


def test_the_parts_of_earlier_versions_are_replaced(any_folder: ObjectStoragePath) -> None:
    put_files(any_folder, *(f"part-{number:05}{suffix}" for number, suffix in enumerate(SUFFIXES)))
    load(any_folder, rows(1), format="csv")
    assert visible_names(any_folder) == ["_SUCCESS", "part-00000.csv"]


def test_parquet_readers_ignore_rejects_and_hidden_files(folder: ObjectStoragePath) -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    dataset: Any = pytest.importorskip("pyarrow.dataset")
    load(folder, rows(25), rejects=[reject(1)], format="parquet", rows_per_part=10)
    with open_sink(folder, format="parquet", rows_per_part=10) as sink:
        sink.add(rows(15), [reject(1)])  # its files are hidden
        assert dataset.dataset(folder.path, format="parquet").count_rows() == 25
        assert duckdb.sql(f"SELECT count(*) FROM '{folder.path}/*.parquet'").fetchall() == [(25,)]
