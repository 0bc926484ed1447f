"""The server itself: connections, counters, the log, and the command line."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from airflow_provider_hvsms.sandbox.__main__ import main

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, ManualClock, Opener


def test_one_connection_serves_many_requests(client: Client) -> None:
    client.read("/opt-outs")
    own = client.connection.sock
    for path in ("/messages", "/messages/none", "/statuses"):
        client.read(path)
    assert client.connection.sock is own


def test_health_needs_no_token(client: Client) -> None:
    reply = client.send("GET", "/sandbox/health")
    assert (reply.status, reply.json()) == (200, {"status": "ok"})


def test_counters_tell_what_happened(client: Client) -> None:
    client.read("/messages")
    client.read("/messages/none")
    client.read("/batches")
    client.read("/batches/none")
    client.read("/statuses")
    client.read("/opt-outs", {"perPage": 0})
    client.grant(grant_type="x")
    token = client.login().json()["refresh_token"]
    client.grant(grant_type="refresh_token", refresh_token=token)
    client.grant(path="/restapi/oauth/revoke", token=token)
    shown = client.send("GET", "/sandbox/counters").json()
    names = ("messages", "message", "batches", "batch", "statuses", "opt_outs")
    assert shown["requests"] == dict.fromkeys(names, 1)
    assert shown["first_pages"] == dict.fromkeys(("messages", "batches", "opt_outs"), 1)
    assert shown["logins"] == {"urn:ietf:params:oauth:grant-type:jwt-bearer": 2}
    assert (shown["refreshes"], shown["revokes"], shown["failed_logins"]) == (1, 1, 1)
    assert shown["answers"] == {"200": 7, "400": 2, "404": 2}
    assert client.sandbox.counters.reads == 6


def test_the_log_tells_of_each_read(client: Client, clock: ManualClock) -> None:
    client.read("/messages", {"perPage": 0})
    (entry,) = client.sandbox.counters.log
    assert (entry.method, entry.status, entry.time) == ("GET", 400, clock.now)
    assert entry.path.endswith("/a2p-sms/messages?perPage=0")


def test_many_threads_are_counted_exactly(open_client: Opener) -> None:
    client = open_client(light=30)
    answers: list[int] = []

    def knock() -> None:
        request = urllib.request.Request(
            f"{client.sandbox.url}{client.base}/opt-outs", headers={"Authorization": f"Bearer {client.token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answers.append(answer.status)
        except urllib.error.HTTPError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=knock) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count(200), answers.count(429)) == (30, 10)


def test_latency_is_slept_for_each_answer() -> None:
    slept: list[float] = []
    with Sandbox(Settings(messages=1, latency=0.25), sleep=slept.append) as sandbox:
        request = urllib.request.Request(f"{sandbox.url}/restapi/v1.0/account/~/a2p-sms/messages")
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=5)
    assert slept == [0.25]


def test_live_batches_start_with_the_server() -> None:
    with Sandbox(Settings(messages=10, live_batches=3)) as sandbox:
        assert len([one for one in sandbox.store.batches if one.completed and one.completed > sandbox.store.now]) == 3


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


def test_a_body_without_a_length_is_refused(client: Client) -> None:
    client.connection.request("POST", "/sandbox/batches", iter([b"{}"]), {"Transfer-Encoding": "chunked"})
    assert client.connection.getresponse().status == 413


@pytest.mark.parametrize(
    "settings",
    [
        {"messages": -1},
        {"days": 0},
        {"light": 0},
        {"window": 0},
        {"port": 70_000},
        {"last_page": "none"},
        {"rate_headers": frozenset({"X"})},
        {"page_token_ttl": 0},
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Settings(**settings)


@pytest.mark.parametrize(
    "option",
    [
        "--messages=-1",
        "--messages=many",
        "--days=0",
        "--light=0",
        "--auth=0",
        "--window=0",
        "--window=nan",
        "--penalty=-1",
        "--latency=-1",
        "--token-ttl=0",
        "--port=70000",
        "--end=2026-01-01",
        "--end=soon",
        "--client-id=",
    ],
)
def test_a_senseless_option_is_refused_with_a_sentence(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["serve", option])
    assert stop.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(".")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly_and_prints_its_counters(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "airflow_provider_hvsms.sandbox", "serve", "--port=0", "--messages=100"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path)),
    ) as process:
        assert process.stdout is not None
        shown = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
        found = re.search(r"--conn-json '(.+)'", shown)
        assert found
        connection = json.loads(found[1])
        with urllib.request.urlopen(f"{connection['host']}/sandbox/health", timeout=5) as answer:
            assert answer.status == 200
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(output.partition("Counters:")[2])["refused"] == 0
    assert connection["conn_type"] == "hvsms"


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, deflate", "gzip"), ("identity", None), ("gzip;q=0", None)])
def test_answers_are_compressed_for_who_accepts_it(client: Client, accepted: str, encoding: str | None) -> None:
    headers = {"Authorization": f"Bearer {client.token}", "Accept-Encoding": accepted}
    window = "dateFrom=2026-02-27T00:00:00Z&dateTo=2026-03-01T00:00:00Z"
    reply = client.send("GET", f"{client.base}/messages?{window}", headers=headers)
    body = gzip.decompress(reply.body) if encoding else reply.body
    assert reply.headers.get("content-encoding") == encoding
    assert len(json.loads(body)["records"]) == 300


def test_compression_can_be_switched_off(open_client: Opener) -> None:
    client = open_client(gzip=False)
    headers = {"Authorization": f"Bearer {client.token}", "Accept-Encoding": "gzip"}
    reply = client.send("GET", f"{client.base}/messages", headers=headers)
    assert "content-encoding" not in reply.headers
