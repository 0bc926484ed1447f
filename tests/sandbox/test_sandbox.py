"""Start and stop of a sandbox."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings


def test_live_batches_start_with_the_server() -> None:
    with Sandbox(Settings(messages=10, live_batches=3)) as sandbox:
        assert len([one for one in sandbox.store.batches if one.completed and one.completed > sandbox.store.now]) == 3


def test_latency_delays_each_response() -> None:
    slept: list[float] = []
    with Sandbox(Settings(messages=1, latency=0.25), sleep=slept.append) as sandbox:
        request = urllib.request.Request(f"{sandbox.url}/restapi/v1.0/account/~/a2p-sms/messages")
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=5)
    assert slept == [0.25]


def test_a_stopped_sandbox_closes_port_and_connections() -> None:
    with Sandbox(Settings(messages=1)) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port), timeout=5)
        idle.sendall(b"GET /sandbox/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in idle.recv(1000)
    assert idle.recv(1000) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    sandbox.stop()
