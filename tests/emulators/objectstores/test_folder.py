"""Which buckets and containers can be written, and how their errors are reported."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import PermanentError
from tests.emulators.objectstores.conftest import KEY, azure_connection, gcs_connection
from tests.sinks.files.folders import all_files, ids, load, open_sink, parse_jsonl, put_files, visible_files
from tests.sinks.files.sample_rows import row, rows


@contextmanager
def denying_server(status: int) -> Iterator[str]:
    """A server that refuses each request as Google's does; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"error": {"code": status, "message": "no access"}}).encode()
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name of the base class

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Keep the output of the tests free of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def refused(path: ObjectStoragePath) -> str:
    with pytest.raises(PermanentError) as error:
        with open_sink(path):
            raise AssertionError("the block is entered")
    assert KEY not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["x [1]", "a+b:c é", "50%", "run=manual__2026-11-01T00:00:00+00:00", "a?b#c"])
def test_a_folder_may_have_any_name(any_folder: ObjectStoragePath, name: str) -> None:
    for count in (25, 15):
        load(any_folder / name, rows(count), rows_per_part=10)
    assert ids(any_folder / name) == [str(number) for number in range(15)]


def test_the_folder_may_be_a_bucket_or_container(any_folder: ObjectStoragePath) -> None:
    name = f"of-one-load-{os.urandom(4).hex()}"
    any_folder.fs.mkdir(name)
    folder = ObjectStoragePath(f"{any_folder.protocol}://{any_folder.conn_id}@{name}")
    load(folder, rows(3))
    assert ids(folder) == ["0", "1", "2"]


def test_a_large_part_is_uploaded_completely(any_folder: ObjectStoragePath) -> None:
    text = "x" * 1_000
    load(any_folder, [row(number, text=text) for number in range(60_000)], compression="none")
    found = parse_jsonl(visible_files(any_folder)["part-00000.jsonl"])
    assert [line["id"] for line in found] == [str(number) for number in range(60_000)]


def test_a_missing_bucket_is_refused_and_not_created(gcs: str) -> None:
    folder = ObjectStoragePath("gs://gcs@nowhere/messages")
    message = refused(folder)
    assert "gs://nowhere/messages cannot be used: FileNotFoundError" in message
    assert "Check that the bucket or container exists" in message
    assert "nowhere" not in [name.strip("/") for name in folder.fs.ls("")]


def test_a_missing_container_is_refused_and_not_created(azure: str) -> None:
    folder = ObjectStoragePath("abfs://azure@nowhere/messages")
    message = refused(folder)
    assert "abfs://nowhere/messages cannot be used: " in message
    assert "Check that the bucket or container exists" in message
    assert "nowhere" not in folder.fs.ls("")


def test_a_wrong_key_of_azure_is_refused(azure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AZURE_WRONG", azure_connection(azure, key="bm90LXRoZS1rZXk="))
    message = refused(ObjectStoragePath("abfs://azure_wrong@lake/messages"))
    assert "abfs://lake/messages cannot be used: " in message
    assert "Check that the bucket or container exists" in message


def test_google_credentials_that_are_no_credentials_are_refused(gcs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"keyfile_dict": json.dumps({"type": "service_account", "private_key": KEY}), "gcs.endpoint": gcs}
    monkeypatch.setenv("AIRFLOW_CONN_GCS_WRONG", json.dumps({"conn_type": "google_cloud_platform", "extra": extra}))
    assert "gs://lake/messages cannot be used: " in refused(ObjectStoragePath("gs://gcs_wrong@lake/messages"))


@pytest.mark.parametrize(("status", "reason"), [(403, "OSError: Forbidden: "), (400, "HttpError: no access, 400")])
def test_a_bucket_without_permission_is_refused(monkeypatch: pytest.MonkeyPatch, status: int, reason: str) -> None:
    with denying_server(status) as url:
        monkeypatch.setenv(f"AIRFLOW_CONN_DENIED_{status}", gcs_connection(url))
        assert reason in refused(ObjectStoragePath(f"gs://denied_{status}@lake/messages"))


def test_a_load_sees_what_another_process_has_written_since_the_listing_was_cached(
    any_folder: ObjectStoragePath,
) -> None:
    load(any_folder, rows(15), rows_per_part=10)
    any_folder.fs.ls(any_folder.path)
    [first, *_] = [name for name in all_files(any_folder) if name.startswith("part-")]
    any_folder.fs.ls(any_folder.path)
    other: Any = type(any_folder.fs)(**any_folder.fs.storage_options, skip_instance_cache=True)
    other.pipe_file(f"{any_folder.path}/{first.replace('part-000001', 'part-000007')}", b"of a later load")
    with open_sink(any_folder) as sink:
        sink.finish({})
    assert [name for name in all_files(any_folder) if name.startswith("part-")] == []


def test_files_beside_the_folder_are_neither_read_nor_removed(any_folder: ObjectStoragePath) -> None:
    beside = ObjectStoragePath(f"{any_folder}-b")
    load(beside, rows(3))
    put_files(any_folder / "below", "part-00000.csv")
    load(any_folder, rows(2))
    load(any_folder, [])
    assert (ids(beside), list(all_files(any_folder / "below"))) == (["0", "1", "2"], ["part-00000.csv"])
