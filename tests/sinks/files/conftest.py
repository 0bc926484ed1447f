"""Folders in a file system, in memory and in S3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from tests.sinks.files.folders import attach

KEY_ID, KEY = "AKIAEXAMPLE", "not-a-secret"


@pytest.fixture
def folder(tmp_path: Path) -> ObjectStoragePath:
    return ObjectStoragePath(f"file://{tmp_path}/messages/2026-11-01")


def connect_s3(url: str) -> S3FileSystem:
    return S3FileSystem(key=KEY_ID, secret=KEY, endpoint_url=url, client_kwargs={"region_name": "us-east-1"})


@pytest.fixture(scope="session")
def s3() -> Iterator[S3FileSystem]:
    """S3 over a real socket, behind the connection `lake`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3 = connect_s3(f"http://{host}:{port}")
    s3.call_s3("create_bucket", Bucket="lake")
    attach(protocol="s3", conn_id="lake", fs=s3)
    yield s3
    server.stop()


@pytest.fixture(params=["file", "memory", "s3"])
def any_folder(request: pytest.FixtureRequest, folder: ObjectStoragePath) -> ObjectStoragePath:
    """A folder in each store: a test that uses it runs once per store."""
    if request.param == "file":
        return folder
    path = f"{request.param}://lake@lake/{os.urandom(4).hex()}/2026-11-01"
    if request.param == "memory":
        attach(protocol="memory", conn_id="lake", fs=MemoryFileSystem())
    else:
        request.getfixturevalue("s3")
    return ObjectStoragePath(path)
