"""An S3 over a real socket."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from s3fs import S3FileSystem

from tests.support.ports import free_port
from tests.support.waiting import wait_for

KEY_ID, KEY = "AKIAEXAMPLE", "not-a-secret"


def connect_s3(url: str) -> S3FileSystem:
    return S3FileSystem(key=KEY_ID, secret=KEY, endpoint_url=url, client_kwargs={"region_name": "us-east-1"})


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of an emulated S3.

    It is a process of its own: deltalake lets no other thread run while it waits for some of its requests.
    """
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: _answers(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
