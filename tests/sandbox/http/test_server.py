"""The server: connections, counters, the log, and compression."""

from __future__ import annotations

import gzip
import json
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener
    from tests.support.clock import ManualClock


def test_one_connection_serves_many_requests(client: Client) -> None:
    client.read("/opt-outs")
    own = client.connection.sock
    for path in ("/messages", "/messages/none", "/statuses"):
        client.read(path)
    assert client.connection.sock is own


def test_health_needs_no_token(client: Client) -> None:
    reply = client.send("GET", "/sandbox/health")
    assert (reply.status, reply.json()) == (200, {"status": "ok"})


def test_requests_are_counted(client: Client) -> None:
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


def test_each_request_is_logged(client: Client, clock: ManualClock) -> None:
    client.read("/messages", {"perPage": 0})
    (entry,) = client.sandbox.counters.log
    assert (entry.method, entry.status, entry.time) == ("GET", 400, clock.now)
    assert entry.path.endswith("/a2p-sms/messages?perPage=0")


def test_many_threads_are_counted_exactly(open_client: Opener) -> None:
    client = open_client(light=30)
    statuses: list[int] = []

    def send() -> None:
        request = urllib.request.Request(
            f"{client.sandbox.url}{client.base}/opt-outs", headers={"Authorization": f"Bearer {client.token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                statuses.append(response.status)
        except urllib.error.HTTPError as error:
            statuses.append(error.code)

    threads = [threading.Thread(target=send) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (30, 10)


def test_a_body_without_a_length_is_refused(client: Client) -> None:
    client.connection.request("POST", "/sandbox/batches", iter([b"{}"]), {"Transfer-Encoding": "chunked"})
    assert client.connection.getresponse().status == 413


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, deflate", "gzip"), ("identity", None), ("gzip;q=0", None)])
def test_responses_are_compressed_for_clients_that_accept_it(
    client: Client, accepted: str, encoding: str | None
) -> None:
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
