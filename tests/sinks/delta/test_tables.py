"""Tables and folders that exist already."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from deltalake.schema import PrimitiveType

from airflow_provider_hvsms.api.errors import InvalidRequest, TableMismatch, UnusableFolder
from airflow_provider_hvsms.sinks.delta.folder import check_no_table
from airflow_provider_hvsms.sinks.delta.sink import open_delta
from airflow_provider_hvsms.sinks.schema import MESSAGES, Changes
from tests.sinks.delta.tables import contents, data_files, exists, load, table
from tests.sinks.files import folders
from tests.sinks.files.sample_rows import NOON, row, rows

OURS = [
    ("id", pa.string()),
    ("message_status", pa.string()),
    ("cost", pa.decimal128(18, 6)),
    ("creation_time", pa.timestamp("us", "UTC")),
    ("creation_day", pa.date32()),
]


def create(folder: ObjectStoragePath, *columns: Any, **options: Any) -> None:
    """Create a table as a user would, partitioned by day unless the options say otherwise."""
    fields = dict(OURS) | dict(columns)
    schema = pa.schema([pa.field(name, kind) for name, kind in fields.items() if kind is not None])
    options = {"partition_by": ["creation_day"], **options}
    deltalake.write_deltalake(folder.path, schema.empty_table(), **options)


def refusal(folder: ObjectStoragePath) -> str:
    with pytest.raises((TableMismatch, UnusableFolder)) as refused:
        with open_delta(folder, MESSAGES):
            pytest.fail("it was opened")
    return str(refused.value)


def test_columns_that_a_table_lacks_are_added(folder: ObjectStoragePath) -> None:
    create(folder)
    load(folder, [row(1, text="Hello")])
    assert contents(folder, "id", "text", "segment_count") == [("1", "Hello", 1)]


def test_rows_from_before_a_column_was_added_are_merged(folder: ObjectStoragePath) -> None:
    old = pa.table({"id": ["1", "2"], "creation_time": [NOON, NOON], "creation_day": [NOON.date()] * 2})
    deltalake.write_deltalake(folder.path, old, partition_by=["creation_day"])
    assert load(folder, [row(1, creation_time=NOON, text="Hello")]) == Changes(inserted=0, updated=1, unchanged=0)
    assert contents(folder, "id", "text") == [("1", "Hello"), ("2", None)]


def test_columns_of_the_user_are_left_alone(folder: ObjectStoragePath) -> None:
    load(folder, rows(2))
    deltalake.DeltaTable(folder.path).alter.add_columns([deltalake.Field("campaign", PrimitiveType("string"))])
    deltalake.DeltaTable(folder.path).update({"campaign": "'autumn'"}, predicate="id = '1'")
    newer = [row(number, message_status="Failed", last_modified_time=NOON + timedelta(days=3)) for number in range(3)]
    load(folder, newer)
    assert contents(folder, "id", "message_status", "campaign") == [
        ("0", "Failed", None),
        ("1", "Failed", "autumn"),
        ("2", "Failed", None),
    ]


def test_a_table_that_others_have_compacted_is_merged(folder: ObjectStoragePath) -> None:
    load(folder, rows(30), rows_per_part=10)
    deltalake.DeltaTable(folder.path).optimize.compact()
    assert len(data_files(folder)) == 1
    assert load(folder, rows(40)) == Changes(inserted=10, updated=0, unchanged=30)


def test_a_new_table_has_the_lowest_versions_so_that_every_reader_can_read_it(folder: ObjectStoragePath) -> None:
    load(folder, rows(2))
    protocol = table(folder).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
    assert not protocol.reader_features


def test_the_log_holds_no_text_and_no_phone_number(folder: ObjectStoragePath) -> None:
    load(folder, [row(1, text="Hello, Anna")])
    log = b"".join(file.read_bytes() for file in Path(folder.path).glob("_delta_log/*.json"))
    assert b"2026-11-01T12:00:01.436491Z" in log
    assert b"Anna" not in log
    assert b"1650" not in log


def test_data_files_have_at_most_rows_per_part_rows(folder: ObjectStoragePath) -> None:
    load(folder, rows(25), rows_per_part=10)
    assert len(data_files(folder)) == 3


def test_the_compression_is_that_of_the_data_files(folder: ObjectStoragePath) -> None:
    load(folder, rows(5), compression="zstd")
    [file] = Path(folder.path).rglob("*.parquet")
    assert pa.parquet.read_metadata(file).row_group(0).column(0).compression == "ZSTD"


def test_an_unknown_compression_is_refused(folder: ObjectStoragePath) -> None:
    with pytest.raises(InvalidRequest, match="compression is 'rar'"):
        load(folder, [], compression="rar")


@pytest.mark.parametrize("size", [0, 1.5, "10"])
def test_rows_per_part_must_be_a_positive_whole_number(folder: ObjectStoragePath, size: Any) -> None:
    with pytest.raises(InvalidRequest, match="rows_per_part is .* at least 1"):
        load(folder, [], rows_per_part=size)


def test_a_column_of_another_type_is_refused(folder: ObjectStoragePath) -> None:
    create(folder, ("cost", pa.float64()))
    assert "its column 'cost' is of type double instead of decimal128(18, 6): change it" in refusal(folder)


def test_a_table_without_the_key_is_refused(folder: ObjectStoragePath) -> None:
    create(folder, ("id", None))
    assert "lacks id, which the key needs" in refusal(folder)


def test_a_table_with_other_partitions_is_refused(folder: ObjectStoragePath) -> None:
    create(folder, partition_by=["message_status"])
    assert "is partitioned by message_status, and must be by creation_day" in refusal(folder)


def test_a_table_without_partitions_is_refused(folder: ObjectStoragePath) -> None:
    create(folder, partition_by=None)
    assert "is partitioned by nothing, and must be by creation_day" in refusal(folder)


def test_a_column_with_other_capitals_is_refused(folder: ObjectStoragePath) -> None:
    create(folder, ("Text", pa.string()))
    assert "its column 'text' is written with other capitals" in refusal(folder)


def test_a_column_of_the_user_that_must_not_be_null_is_refused(folder: ObjectStoragePath) -> None:
    schema = pa.schema([*OURS, pa.field("campaign", pa.string(), nullable=False)])
    deltalake.write_deltalake(folder.path, schema.empty_table(), partition_by=["creation_day"])
    assert "its column 'campaign' must not be null" in refusal(folder)


@pytest.mark.parametrize("setting", ["delta.appendOnly", "delta.enableChangeDataFeed"])
def test_a_table_with_a_property_that_a_load_would_break_is_refused(folder: ObjectStoragePath, setting: str) -> None:
    create(folder, configuration={setting: "true"})
    assert f"its property {setting} is true" in refusal(folder)


def test_a_table_with_constraints_is_refused(folder: ObjectStoragePath) -> None:
    create(folder)
    deltalake.DeltaTable(folder.path).alter.add_constraint({"positive": "cost >= 0"})
    assert "it has constraints, which a load does not support: drop delta.constraints.positive" in refusal(folder)


def test_a_table_with_a_feature_that_is_not_known_is_refused(folder: ObjectStoragePath) -> None:
    create(folder, configuration={"delta.enableDeletionVectors": "true"})
    assert re.search("it uses deletionVectors.*, which a load does not support", refusal(folder))


def test_files_of_another_format_are_not_mixed_with_a_table(any_folder: ObjectStoragePath) -> None:
    folders.load(any_folder, rows(2), format="parquet")
    assert "holds files of another format, and no Delta table" in refusal(any_folder)
    assert not exists(any_folder)


def test_a_table_is_not_mixed_with_files_of_another_format(any_folder: ObjectStoragePath) -> None:
    check_no_table(any_folder, "parquet")
    load(any_folder, rows(2))
    with pytest.raises(UnusableFolder, match="is a Delta table, and format is 'parquet'"):
        check_no_table(any_folder, "parquet")


def test_a_missing_bucket_is_refused_before_anything_is_read(s3: Any) -> None:
    assert "cannot be used: " in refusal(ObjectStoragePath("s3://lake@no-such-bucket/messages"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_refused(folder: ObjectStoragePath) -> None:
    Path(folder.path).mkdir(parents=True)
    Path(folder.path).chmod(0o500)
    assert "PermissionError" in refusal(folder)


@pytest.mark.parametrize("package", ["deltalake", "pyarrow"])
def test_a_package_that_is_missing_names_the_extra(folder: ObjectStoragePath, package: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from airflow_provider_hvsms.api.errors import MissingPackage\n"
        "from airflow_provider_hvsms.sinks.delta.packages import import_packages\n"
        "try: import_packages()\n"
        "except MissingPackage as error: print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "pip install 'airflow-provider-hvsms[delta]'" in found
