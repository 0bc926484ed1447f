"""A folder is complete and says so, or it does not say so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from airflow_provider_hvsms.api.errors import (
    FolderUnavailable,
    InvalidRequest,
    MissingPackage,
    PermanentError,
    TransientError,
)
from airflow_provider_hvsms.sinks.schema import Row
from tests.sinks.files.lake import attach, contents, ids, load, names, objects, opened, reject, row, rows, stored

KEY_ID, KEY = "AKIAEXAMPLE", "not-a-secret"


@pytest.fixture
def folder(tmp_path: Path) -> ObjectStoragePath:
    return ObjectStoragePath(f"file://{tmp_path}/messages/2026-11-01")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3FileSystem]:
    """S3 over a real socket, behind the connection `lake`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3 = S3FileSystem(
        key=KEY_ID, secret=KEY, endpoint_url=f"http://{host}:{port}", client_kwargs={"region_name": "us-east-1"}
    )
    s3.call_s3("create_bucket", Bucket="lake")
    attach(protocol="s3", conn_id="lake", fs=s3)
    yield s3
    server.stop()


@pytest.fixture(params=["file", "memory", "s3"])
def any_folder(request: pytest.FixtureRequest, folder: ObjectStoragePath) -> ObjectStoragePath:
    """Each test that takes it runs once for each store."""
    if request.param == "file":
        return folder
    place = f"{request.param}://lake@lake/{os.urandom(4).hex()}/2026-11-01"
    if request.param == "memory":
        attach(protocol="memory", conn_id="lake", fs=MemoryFileSystem())
    else:
        request.getfixturevalue("s3")
    return ObjectStoragePath(place)


def put(folder: ObjectStoragePath, *file_names: str) -> None:
    for name in file_names:
        folder.fs.makedirs(folder.path, exist_ok=True)
        folder.fs.pipe_file(f"{folder.path}/{name}", b"left over")


def interrupted_load(folder: ObjectStoragePath, rows: list[Row], **options: Any) -> None:
    def interrupted() -> None:
        with opened(folder, **options) as sink:
            sink.add(rows, [reject(1)])
            raise RuntimeError("the message store is gone")

    with pytest.raises(RuntimeError, match="the message store is gone"):
        interrupted()


def test_rows_become_numbered_parts_and_a_mark_of_success(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(25), rows_per_part=10)
    assert names(any_folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz", "part-00002.jsonl.gz"]
    assert ids(any_folder) == [str(number) for number in range(25)]


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "parquet"])
def test_every_format_reaches_every_store(any_folder: ObjectStoragePath, format_name: str) -> None:
    load(any_folder, rows(3), format=format_name)
    assert len(contents(any_folder)) == 2


def test_the_mark_of_success_holds_the_summary(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3))
    assert json.loads(contents(any_folder)["_SUCCESS"]) == {"rows": 3}


def test_a_full_last_part_is_followed_by_no_empty_one(folder: ObjectStoragePath) -> None:
    load(folder, rows(20), rows_per_part=10)
    assert names(folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz"]


def test_parts_can_be_larger_than_a_block_and_no_multiple_of_it(folder: ObjectStoragePath) -> None:
    load(folder, rows(5_000), rows_per_part=2_345)
    assert [len(objects(file)) for name, file in sorted(contents(folder).items()) if "part" in name] == [
        2_345,
        2_345,
        310,
    ]


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "parquet"])
def test_the_same_rows_give_the_same_bytes_however_they_were_added(tmp_path: Path, format_name: str) -> None:
    folders = [ObjectStoragePath(f"file://{tmp_path}/{name}") for name in "ab"]
    many = rows(12_000)
    for step, folder in zip((12_000, 777), folders, strict=True):
        with opened(folder, format=format_name, rows_per_part=11_000) as sink:
            for start in range(0, len(many), step):
                sink.add(many[start : start + step], [])
            sink.finish({})
    assert contents(folders[0]) == contents(folders[1])
    assert len(contents(folders[0])) == 3


def test_a_longer_earlier_runs_parts_are_removed(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(50), rows_per_part=10)
    load(any_folder, rows(15), rows_per_part=10)
    assert names(any_folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz"]
    assert ids(any_folder) == [str(number) for number in range(15)]


def test_an_earlier_runs_parts_in_another_format_are_removed(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3), format="parquet")
    load(any_folder, rows(3), format="jsonl", compression="none")
    load(any_folder, rows(3), format="csv")
    load(any_folder, rows(3), format="csv", compression="gzip")
    assert names(any_folder) == ["_SUCCESS", "part-00000.csv.gz"]


def test_files_of_other_people_stay(any_folder: ObjectStoragePath) -> None:
    others = ["README", "part-1.jsonl", "part-00000.orc", "my-part-00000.csv", "part-00000.jsonl.gz.bak", ".hidden"]
    put(any_folder, *others)
    load(any_folder, rows(1))
    assert names(any_folder) == sorted([*others, "_SUCCESS", "part-00000.jsonl.gz"])


def test_a_folder_inside_is_left_alone(folder: ObjectStoragePath) -> None:
    put(folder / "part-00007.parquet", "file")
    load(folder, rows(1))
    assert contents(folder / "part-00007.parquet") == {"file": b"left over"}


@pytest.mark.parametrize("format_name", ["jsonl", "csv"])
def test_no_rows_leave_no_part(any_folder: ObjectStoragePath, format_name: str) -> None:
    load(any_folder, rows(1), format=format_name)
    load(any_folder, [], format=format_name)
    assert names(any_folder) == ["_SUCCESS"]


def test_no_rows_leave_one_parquet_file_with_the_schema(any_folder: ObjectStoragePath) -> None:
    load(any_folder, [], format="parquet")
    pyarrow: Any = pytest.importorskip("pyarrow")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    found = parquet.read_table(pyarrow.BufferReader(contents(any_folder)["part-00000.parquet"]))
    assert (found.num_rows, found.num_columns) == (0, 13)


def test_rejects_get_a_file_of_their_own(any_folder: ObjectStoragePath) -> None:
    with opened(any_folder, format="csv") as sink:
        sink.add([row(1)], [reject(1)])
        sink.add([], [reject(2), reject(3)])
        sink.finish({})
    assert names(any_folder) == ["_SUCCESS", "_rejects.jsonl", "part-00000.csv"]
    found = objects(contents(any_folder)["_rejects.jsonl"])
    assert [line["fingerprint"] for line in found] == ["print-1", "print-2", "print-3"]
    assert found[0] == {
        "fingerprint": "print-1",
        "record": '{"id": 1}',
        "reason": "`creationTime` is missing",
        "loaded_at": "2026-11-02T12:00:00Z",
    }


def test_an_earlier_runs_rejects_are_removed(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(1), rejects=[reject(1)])
    put(any_folder, "rejects.jsonl")
    load(any_folder, rows(1))
    assert names(any_folder) == ["_SUCCESS", "part-00000.jsonl.gz"]


def test_parts_of_earlier_versions_are_replaced(any_folder: ObjectStoragePath) -> None:
    put(any_folder, "part-00000.parquet", "part-00001.jsonl.gz")
    load(any_folder, rows(1), format="csv")
    assert names(any_folder) == ["_SUCCESS", "part-00000.csv"]


def test_rejects_do_not_make_a_folder_of_parquet_unreadable(folder: ObjectStoragePath) -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    dataset: Any = pytest.importorskip("pyarrow.dataset")
    load(folder, rows(25), rejects=[reject(1)], format="parquet", rows_per_part=10)
    with opened(folder, format="parquet", rows_per_part=10) as sink:
        sink.add(rows(15), [reject(1)])  # its drafts are hidden
        assert dataset.dataset(folder.path, format="parquet").count_rows() == 25
        assert duckdb.sql(f"SELECT count(*) FROM '{folder.path}/*.parquet'").fetchall() == [(25,)]


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "parquet"])
def test_an_earlier_load_stays_complete_until_the_next_one_is(any_folder: ObjectStoragePath, format_name: str) -> None:
    load(any_folder, rows(3), format=format_name)
    before = contents(any_folder)
    with opened(any_folder, format=format_name, rows_per_part=10) as sink:
        sink.add(rows(25), [reject(1)])
        assert contents(any_folder) == before
        sink.finish({})
    assert len(contents(any_folder)) == 5


def test_a_load_that_fails_leaves_the_folder_as_it_was(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(3))
    before = stored(any_folder)
    interrupted_load(any_folder, rows(3_500), rows_per_part=2_000)
    assert stored(any_folder) == before


def test_a_block_that_never_finishes_leaves_nothing(any_folder: ObjectStoragePath) -> None:
    put(any_folder, "README")
    with opened(any_folder, rows_per_part=10) as sink:
        sink.add(rows(15), [reject(1)])
    assert list(stored(any_folder)) == ["README"]


def test_a_run_after_an_interrupted_one_is_exact(any_folder: ObjectStoragePath) -> None:
    interrupted_load(any_folder, rows(45), rows_per_part=10)
    load(any_folder, rows(12), rows_per_part=10)
    assert names(any_folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz"]
    assert ids(any_folder) == [str(number) for number in range(12)]


def test_a_killed_process_leaves_an_earlier_load_as_it_was_and_the_next_run_is_exact(folder: ObjectStoragePath) -> None:
    load(folder, rows(3))
    before = contents(folder)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.sinks.files.endless_writer", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for _ in range(5):  # it prints a line for each 1,000 rows, and has 300 a part
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    assert contents(folder) == before
    drafts = [name for name in stored(folder) if name.endswith(".draft")]
    assert len(drafts) >= 15

    load(folder, rows(12), rows_per_part=10)
    assert names(folder) == ["_SUCCESS", "part-00000.jsonl.gz", "part-00001.jsonl.gz"]
    assert ids(folder) == [str(number) for number in range(12)]
    assert not [name for name in stored(folder) if name.endswith(".draft")]


def test_the_next_run_removes_the_drafts_of_a_killed_one(any_folder: ObjectStoragePath) -> None:
    put(any_folder, f".hvsms-{'0af3' * 8}.draft")
    load(any_folder, [])
    assert not [name for name in stored(any_folder) if name.endswith(".draft")]


def test_nothing_is_left_on_the_local_disk(
    any_folder: ObjectStoragePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    with opened(any_folder, rows_per_part=10) as sink:
        sink.add(rows(15), [reject(1)])
        assert not list((tmp_path / "scratch").iterdir())
        sink.finish({})
    assert not list((tmp_path / "scratch").iterdir())


def test_a_local_part_is_never_seen_half_written(folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    put_file = LocalFileSystem.put_file

    def watching(fs: Any, source: str, target: str) -> None:
        put_file(fs, source, target)
        seen.append(names(folder))

    monkeypatch.setattr(LocalFileSystem, "put_file", watching)
    load(folder, rows(1))
    assert seen == [[]]
    assert names(folder) == ["_SUCCESS", "part-00000.jsonl.gz"]


def test_an_upload_that_breaks_off_leaves_no_draft(folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(fs: Any, source: str, target: str) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with opened(folder) as sink:
        sink.add(rows(1), [])
        monkeypatch.setattr(LocalFileSystem, "put_file", breaking)
        with pytest.raises(FolderUnavailable, match="OSError: .*No space left on device"):
            sink.finish({})
    assert stored(folder) == {}


def test_a_large_part_reaches_s3_whole(s3: S3FileSystem) -> None:
    folder = ObjectStoragePath(f"s3://lake@lake/{os.urandom(4).hex()}")
    text = "x" * 1_000
    load(folder, [row(number, text=text) for number in range(20_000)], compression="none")
    found = objects(contents(folder)["part-00000.jsonl"])
    assert [line["id"] for line in found] == [str(number) for number in range(20_000)]
    assert s3.list_multipart_uploads("lake") == []


def test_a_bucket_itself_can_be_the_folder(s3: S3FileSystem) -> None:
    s3.call_s3("create_bucket", Bucket="of-one-load")
    folder = ObjectStoragePath("s3://lake@of-one-load")
    load(folder, rows(3))
    assert names(folder) == ["_SUCCESS", "part-00000.jsonl.gz"]


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


def refused(path: ObjectStoragePath, **options: Any) -> str:
    with pytest.raises(PermanentError) as error:
        with opened(path, **options):
            raise AssertionError("nothing may be read")
    assert KEY not in str(error.value)
    return str(error.value)


def test_a_missing_bucket_is_refused_and_not_made(s3: S3FileSystem) -> None:
    words = refused(ObjectStoragePath("s3://lake@nowhere/messages"))
    assert "s3://nowhere/messages cannot be used: FileNotFoundError: The specified bucket does not exist" in words
    assert not s3.exists("nowhere")


def test_a_path_that_is_a_file_is_refused_before_anything(any_folder: ObjectStoragePath) -> None:
    put(any_folder, "file")
    words = refused(any_folder / "file")
    assert "is a file, but a folder is needed" in words
    assert contents(any_folder) == {"file": b"left over"}


def test_a_path_below_a_file_is_refused(folder: ObjectStoragePath) -> None:
    put(folder, "file")
    assert f"{folder}/file/2026-11-01 cannot be used: NotADirectoryError" in refused(folder / "file" / "2026-11-01")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "PermissionError" in refused(ObjectStoragePath(f"file://{tmp_path}/messages"))


def test_missing_permission_is_refused_and_an_earlier_load_stays(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder, rows(3))
    before = contents(folder)

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Access Denied")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", denied)
    assert "cannot be used: PermissionError: [Errno 13] Access Denied" in refused(folder)
    assert contents(folder) == before


def test_an_unknown_scheme_is_refused() -> None:
    # Known to fsspec, but no provider is installed that registers it with Airflow.
    assert "No filesystem registered for scheme sftp" in refused(ObjectStoragePath("sftp://host/x"))


def test_a_store_that_does_not_answer_may_answer_later() -> None:
    # Port 9 (discard) of loopback: nobody listens.
    s3 = S3FileSystem(
        key=KEY_ID, secret=KEY, endpoint_url="http://127.0.0.1:9", config_kwargs={"retries": {"max_attempts": 0}}
    )
    s3.retries = 1
    attach(protocol="s3", conn_id="gone", fs=s3)
    with pytest.raises(TransientError, match="s3://lake/x cannot be used: .*127.0.0.1:9") as error:
        with opened(ObjectStoragePath("s3://gone@lake/x")):
            pass
    assert KEY not in str(error.value)


def test_no_login_or_signature_in_an_address_reaches_the_message(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(f"no access to https://me:{KEY}@store/lake?sig={KEY}&x=1\nmore: {KEY}")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", denied)
    assert "no access to https://…@store/lake?…." in refused(folder)


def test_a_login_in_the_path_does_not_reach_the_message() -> None:
    assert KEY not in refused(ObjectStoragePath(f"gs://me:{KEY}@lake/x"))


@pytest.mark.parametrize("options", [{"format": "orc"}, {"compression": "zip"}, {"rows_per_part": 0}])
def test_wrong_arguments_are_refused_before_the_folder_is_touched(
    folder: ObjectStoragePath, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        with opened(folder, **options):
            pass
    assert not folder.exists()


def test_parquet_without_pyarrow_is_refused_before_the_folder_is_touched(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackage, match=r"pip install 'airflow-provider-hvsms\[parquet\]'"):
        with opened(folder, format="parquet"):
            pass
    assert not folder.exists()
