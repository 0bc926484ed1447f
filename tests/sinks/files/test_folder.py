"""Which folders can be written, and how the errors of others are reported."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.local import LocalFileSystem
from s3fs import S3FileSystem

from airflow_provider_hvsms.api.errors import InvalidRequest, MissingPackage, PermanentError, TransientError
from tests.sinks.files.folders import (
    attach,
    ids,
    load,
    open_sink,
    parse_jsonl,
    put_files,
    visible_files,
    visible_names,
)
from tests.sinks.files.sample_rows import row, rows
from tests.support.s3 import KEY, KEY_ID


def refused(path: ObjectStoragePath, **options: Any) -> str:
    with pytest.raises(PermanentError) as error:
        with open_sink(path, **options):
            raise AssertionError("the block is entered")
    assert KEY not in str(error.value)
    return str(error.value)


def test_a_large_part_is_uploaded_to_s3_completely(s3: S3FileSystem) -> None:
    folder = ObjectStoragePath(f"s3://lake@lake/{os.urandom(4).hex()}")
    text = "x" * 1_000
    load(folder, [row(number, text=text) for number in range(20_000)], compression="none")
    found = parse_jsonl(visible_files(folder)["part-00000.jsonl"])
    assert [line["id"] for line in found] == [str(number) for number in range(20_000)]
    assert s3.list_multipart_uploads("lake") == []


def test_the_folder_may_be_a_bucket(s3: S3FileSystem) -> None:
    s3.call_s3("create_bucket", Bucket="of-one-load")
    folder = ObjectStoragePath("s3://lake@of-one-load")
    load(folder, rows(3))
    assert visible_names(folder) == ["_SUCCESS", "part-00000.jsonl.gz"]


@pytest.mark.parametrize("name", ["x [1]", "a+b:c é", "50%", "run=manual__2026-11-01T00:00:00+00:00"])
@pytest.mark.parametrize("store", ["file", "s3"])
def test_a_folder_may_have_any_name(
    request: pytest.FixtureRequest, folder: ObjectStoragePath, store: str, name: str
) -> None:
    if store == "s3":
        request.getfixturevalue("s3")
        folder = ObjectStoragePath(f"s3://lake@lake/{os.urandom(4).hex()}")
    for count in (25, 15):
        load(folder / name, rows(count), rows_per_part=10)
    assert ids(folder / name) == [str(number) for number in range(15)]


def test_a_missing_bucket_is_refused_and_not_created(s3: S3FileSystem) -> None:
    message = refused(ObjectStoragePath("s3://lake@nowhere/messages"))
    assert "s3://nowhere/messages cannot be used: FileNotFoundError: The specified bucket does not exist" in message
    assert not s3.exists("nowhere")


def test_a_path_that_is_a_file_is_refused_and_the_file_is_kept(any_folder: ObjectStoragePath) -> None:
    put_files(any_folder, "file")
    message = refused(any_folder / "file")
    assert "is a file, but a folder is needed" in message
    assert visible_files(any_folder) == {"file": b"content"}


def test_a_path_below_a_file_is_refused(folder: ObjectStoragePath) -> None:
    put_files(folder, "file")
    assert f"{folder}/file/2026-11-01 cannot be used: NotADirectoryError" in refused(folder / "file" / "2026-11-01")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "PermissionError" in refused(ObjectStoragePath(f"file://{tmp_path}/messages"))


def test_a_load_without_permission_is_refused_and_the_previous_one_is_kept(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder, rows(3))
    before = visible_files(folder)

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Access Denied")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", denied)
    assert "cannot be used: PermissionError: [Errno 13] Access Denied" in refused(folder)
    assert visible_files(folder) == before


def test_an_unknown_scheme_is_refused() -> None:
    # Known to fsspec, but no provider is installed that registers it with Airflow.
    assert "No filesystem registered for scheme sftp" in refused(ObjectStoragePath("sftp://host/x"))


def test_a_store_that_does_not_answer_raises_a_transient_error() -> None:
    # Port 9 (discard) of loopback: no server listens.
    s3 = S3FileSystem(
        key=KEY_ID, secret=KEY, endpoint_url="http://127.0.0.1:9", config_kwargs={"retries": {"max_attempts": 0}}
    )
    s3.retries = 1
    attach(protocol="s3", conn_id="gone", fs=s3)
    with pytest.raises(TransientError, match="s3://lake/x cannot be used: .*127.0.0.1:9") as error:
        with open_sink(ObjectStoragePath("s3://gone@lake/x")):
            pass
    assert KEY not in str(error.value)


def test_errors_contain_no_login_or_signature_of_a_url(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(f"no access to https://me:{KEY}@store/lake?sig={KEY}&x=1\nmore: {KEY}")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", denied)
    assert "no access to https://…@store/lake?…." in refused(folder)


def test_errors_contain_no_login_of_the_path() -> None:
    assert KEY not in refused(ObjectStoragePath(f"gs://me:{KEY}@lake/x"))


@pytest.mark.parametrize("options", [{"format": "orc"}, {"compression": "zip"}, {"rows_per_part": 0}])
def test_invalid_arguments_are_refused_before_the_folder_is_created(
    folder: ObjectStoragePath, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        with open_sink(folder, **options):
            pass
    assert not folder.exists()


def test_parquet_without_pyarrow_is_refused_before_the_folder_is_created(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackage, match=r"pip install 'airflow-provider-hvsms\[parquet\]'"):
        with open_sink(folder, format="parquet"):
            pass
    assert not folder.exists()
