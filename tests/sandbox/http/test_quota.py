"""The sliding window, the penalty and the headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_hvsms.sandbox.settings import ALL_RATE_HEADERS, RETRY_HEADER

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener
    from tests.support.clock import ManualClock

ALL = sorted(ALL_RATE_HEADERS)


def statuses(client: Client, count: int) -> list[int]:
    return [client.read("/opt-outs").status for _ in range(count)]


def test_every_response_has_the_remaining_quota(open_client: Opener) -> None:
    client = open_client(light=3)
    for path, left in (("/messages", "2"), ("/batches/x", "1"), ("/statuses?dateFrom=x", "0"), ("/messages", "0")):
        headers = client.read(path).headers
        shown = [headers[f"x-rate-limit-{name}"] for name in ("group", "limit", "remaining", "window")]
        assert shown == ["light", "3", left, "60"]


def test_a_request_over_the_limit_is_refused(open_client: Opener) -> None:
    client = open_client(light=3)
    assert statuses(client, 3) == [200] * 3
    reply = client.read("/messages")
    assert reply.codes == (429, "CMN-301", None)
    assert reply.headers["retry-after"] == "60"


def test_the_quota_window_slides(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(light=2, window=10)
    statuses(client, 1)
    clock.now += 6
    assert statuses(client, 1) == [200]
    clock.now += 4
    assert statuses(client, 1) == [200]
    clock.now += 5.9
    assert statuses(client, 1) == [429]


def test_requests_are_admitted_again_after_the_penalty(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(light=1, window=10, penalty=20)
    assert statuses(client, 2) == [200, 429]
    clock.now += 20
    assert statuses(client, 1) == [200]


def test_a_request_inside_the_penalty_restarts_it(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(light=1, window=10, penalty=20)
    statuses(client, 2)
    clock.now += 19
    assert statuses(client, 1) == [429]
    clock.now += 19
    assert statuses(client, 1) == [429]
    clock.now += 20
    assert statuses(client, 1) == [200]
    assert client.sandbox.counters.inside_penalty == 2


def test_fractions_of_seconds_are_rounded_up(open_client: Opener) -> None:
    client = open_client(light=1, window=0.5, penalty=1.2)
    statuses(client, 1)
    headers = client.read("/messages").headers
    assert (headers["retry-after"], headers["x-rate-limit-window"]) == ("2", "0.5")


def test_all_sessions_of_the_user_share_the_quota(open_client: Opener) -> None:
    client = open_client(light=2)
    statuses(client, 1)
    client.token = client.login().json()["access_token"]
    assert statuses(client, 2) == [200, 429]


def test_a_refused_token_is_not_counted_and_has_the_quota_headers(open_client: Opener) -> None:
    client = open_client(light=1)
    good, client.token = client.token, "bad"
    reply = client.read("/messages")
    assert (reply.status, reply.headers["x-rate-limit-remaining"]) == (401, "1")
    client.token = good
    assert statuses(client, 1) == [200]


@pytest.mark.parametrize(("method", "path"), [("GET", "/messages"), ("POST", "/messages"), ("GET", "/unknown")])
def test_every_response_has_the_quota_headers(client: Client, method: str, path: str) -> None:
    headers = client.read(path, method=method).headers
    assert {"x-rate-limit-group", "x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-window"} <= set(headers)


def test_a_refused_login_has_the_headers_of_the_auth_quota(client: Client) -> None:
    assert client.grant(secret="wrong").headers["x-rate-limit-group"] == "auth"
    assert client.send("GET", "/restapi/oauth/token").headers["x-rate-limit-group"] == "auth"


def test_the_quota_is_checked_before_the_permission(open_client: Opener) -> None:
    client = open_client(light=1, permission=False)
    assert statuses(client, 2) == [403, 429]


@pytest.mark.parametrize("dropped", ALL)
def test_each_header_can_be_left_out(open_client: Opener, dropped: str) -> None:
    client = open_client(light=1, rate_headers=ALL_RATE_HEADERS - {dropped})
    statuses(client, 1)
    headers = client.read("/messages").headers
    assert {name for name in ALL if name.lower() in headers} == ALL_RATE_HEADERS - {dropped}


def test_an_admitted_request_has_no_retry_after(client: Client) -> None:
    assert RETRY_HEADER.lower() not in client.read("/messages").headers


def test_the_maximum_in_a_quota_window_is_counted(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(light=3, window=10)
    statuses(client, 2)
    clock.now += 11
    statuses(client, 4)
    clock.now += 100
    statuses(client, 1)
    assert client.sandbox.counters.max_in_quota_window == 4
    assert client.sandbox.counters.refused == 1


def test_a_refused_token_has_no_remaining_quota_during_a_penalty(open_client: Opener) -> None:
    client = open_client(light=1, penalty=60)
    statuses(client, 2)
    client.token = "bad"
    assert client.read("/messages").headers["x-rate-limit-remaining"] == "0"
