"""Delta tables in a file system and in S3."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from s3fs import S3FileSystem

from tests.sinks.files.conftest import KEY, KEY_ID
from tests.sinks.files.folders import attach
from tests.support.ports import free_port
from tests.support.waiting import wait_for


@pytest.fixture(scope="session")
def s3() -> Iterator[S3FileSystem]:
    """S3 over a real socket, behind the connection `lake`.

    In a process of its own: deltalake lets no other thread run while it waits for some of its requests.
    """
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(port))
        options = {"endpoint_url": f"http://127.0.0.1:{port}", "client_kwargs": {"region_name": "us-east-1"}}
        s3 = S3FileSystem(key=KEY_ID, secret=KEY, **options)
        s3.call_s3("create_bucket", Bucket="lake")
        attach(protocol="s3", conn_id="lake", fs=s3)
        yield s3
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def folder(tmp_path: Path) -> ObjectStoragePath:
    return ObjectStoragePath(f"file://{tmp_path}/lake/messages")


@pytest.fixture(params=["file", "s3"])
def any_folder(request: pytest.FixtureRequest, folder: ObjectStoragePath) -> ObjectStoragePath:
    """A folder in each store: a test that uses it runs once per store."""
    if request.param == "file":
        return folder
    request.getfixturevalue("s3")
    return ObjectStoragePath(f"s3://lake@lake/{os.urandom(4).hex()}/messages")
