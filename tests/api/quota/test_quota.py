"""Requests leave when the headers leave room for them, and none leaves during a penalty."""

from __future__ import annotations

import logging
import threading

import pytest

from airflow_provider_hvsms.api.errors import QuotaExceeded
from airflow_provider_hvsms.api.quota.quota import Quota, UsageGroup
from tests.support.clock import ManualClock
from tests.support.sliding_window import ALL_HEADERS, SlidingWindow


def ask(quota: Quota, service: SlidingWindow, clock: ManualClock, *, seconds: float = 0.1) -> int:
    with quota.turn(UsageGroup.LIGHT) as turn:
        status, headers = service.ask()
        clock.now += seconds
        turn.answered(status, headers)
    return status


@pytest.mark.parametrize(("limit", "window"), [(10, 60), (50, 60), (600, 60), (10, 300), (50, 300), (600, 300)])
def test_alone_it_uses_97_percent_of_the_quota_and_nothing_is_refused(
    clock: ManualClock, limit: int, window: float
) -> None:
    service = SlidingWindow(clock, limit=limit, window=window, penalty=60, tell=ALL_HEADERS)
    quota = Quota(clock=clock, sleep=clock.sleep)
    started = clock.now
    asked_at = []
    while clock.now < started + 6 * window:
        ask(quota, service, clock, seconds=0.01)
        asked_at.append(clock.now)
    sustained = [moment for moment in asked_at if started + window < moment < started + 6 * window]
    assert service.refused == 0
    assert len(sustained) >= 0.97 * limit * 5


def test_the_first_requests_leave_at_once_as_far_as_the_quota_allows(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=50, window=60, penalty=60, tell=ALL_HEADERS)
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(49):
        ask(quota, service, clock)
    assert clock.slept == []


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_smallest_quotas_are_kept_to(clock: ManualClock, limit: int) -> None:
    service = SlidingWindow(clock, limit=limit, window=5, penalty=60, tell=ALL_HEADERS)
    quota = Quota(clock=clock, sleep=clock.sleep)
    started = clock.now
    for _ in range(10 * limit):
        ask(quota, service, clock, seconds=0.01)
    assert service.refused == 0
    assert clock.now - started <= 10 * 5.1


def test_half_of_the_quota_stays_free_with_a_share_of_one_half(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=60, window=60, penalty=60, tell=ALL_HEADERS)
    quota = Quota(share=0.5, clock=clock, sleep=clock.sleep)
    started = clock.now
    most = 0
    asked = 0
    while clock.now < started + 600:
        ask(quota, service, clock, seconds=0.01)
        asked += 1
        most = max(most, service.used())
    assert most == 30
    assert asked >= 0.97 * 300


@pytest.mark.parametrize("missing", sorted(ALL_HEADERS - {"Retry-After"}))
def test_any_one_missing_header_still_keeps_to_the_limit(clock: ManualClock, missing: str) -> None:
    service = SlidingWindow(clock, limit=20, window=60, penalty=60, tell=ALL_HEADERS - {missing})
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(200):
        ask(quota, service, clock)
    assert service.refused == 0


def test_only_the_remaining_count_is_enough_to_keep_to_the_limit(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=20, window=60, penalty=60, tell={"X-Rate-Limit-Remaining"})
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(100):
        ask(quota, service, clock)
    assert service.refused == 0


def test_without_headers_requests_are_not_limited(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=10_000, window=60, penalty=60, tell=set())
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(1_000):
        ask(quota, service, clock)
    assert clock.slept == []


def test_without_headers_one_refusal_teaches_the_limit(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=20, window=60, penalty=30, tell=set())
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(200):
        ask(quota, service, clock)
    assert (service.refused, service.inside_penalty) == (1, 0)


def test_one_refusal_of_a_first_request_without_headers_teaches_no_limit(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=10_000, window=60, penalty=60, tell=set())
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {})
    for _ in range(100):
        ask(quota, service, clock)
    assert len(clock.slept) == 1


def test_after_a_refusal_the_limit_is_kept_to_also_where_the_remaining_count_is_missing(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=10, window=60, penalty=60, tell=ALL_HEADERS - {"X-Rate-Limit-Remaining"})
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(5):
        service.ask()
    for _ in range(60):
        ask(quota, service, clock)
    assert service.refused == 1


def test_a_refusal_is_waited_out_before_the_next_request(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {"Retry-After": "60"})
    refused_at = clock.now
    with quota.turn(UsageGroup.LIGHT) as turn:
        assert clock.now >= refused_at + 60
        assert turn.waited >= 60


def test_a_refusal_out_of_the_blue_costs_no_more_than_a_few_times_what_it_asks_for(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=50, window=60, penalty=60, tell=ALL_HEADERS)
    quota = Quota(clock=clock, sleep=clock.sleep)
    ask(quota, service, clock)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {"Retry-After": "2"})
    refused_at = clock.now
    for _ in range(3):
        ask(quota, service, clock)
    assert 2 <= clock.now - refused_at <= 10


def test_a_refusal_without_retry_after_is_waited_out_for_at_least_thirty_seconds(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {})
    refused_at = clock.now
    with quota.turn(UsageGroup.LIGHT):
        assert clock.now >= refused_at + 30


def test_a_penalty_holds_logins_back_too(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {"Retry-After": "60"})
    assert not quota.has_room(UsageGroup.AUTH)


def test_a_penalty_for_logins_does_not_hold_reads_back(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.AUTH) as turn:
        turn.answered(429, {"Retry-After": "60"})
    assert quota.has_room(UsageGroup.LIGHT)
    assert not quota.has_room(UsageGroup.AUTH)


def test_no_thread_sends_during_a_penalty(clock: ManualClock) -> None:
    """A thread that waits for less when the 429 comes must look again before it leaves."""
    service = SlidingWindow(clock, limit=5, window=10, penalty=60, tell={"X-Rate-Limit-Window", "Retry-After"})
    quota = Quota(clock=clock, sleep=clock.sleep)
    lock = threading.Lock()

    def work() -> None:
        for _ in range(10):
            with quota.turn(UsageGroup.LIGHT) as turn, lock:
                turn.answered(*service.ask())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert service.inside_penalty <= 3, "only those that were under way already"


def test_what_others_used_is_not_used_again(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=20, window=60, penalty=60, tell=ALL_HEADERS)
    quota = Quota(clock=clock, sleep=clock.sleep)
    ask(quota, service, clock)
    for _ in range(15):
        service.ask()
    for _ in range(40):
        ask(quota, service, clock)
    assert service.refused == 0


def test_a_wait_is_logged_once_with_how_long_and_why(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    service = SlidingWindow(clock, limit=5, window=60, penalty=60, tell=ALL_HEADERS)
    quota = Quota(clock=clock, sleep=clock.sleep)
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            ask(quota, service, clock)
    [message] = caplog.messages
    assert "Waiting 59" in message
    assert "of the 5 requests in 60 s, 5 are used by this process" in message


def test_a_penalty_is_logged_once_with_how_long_and_why(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {"Retry-After": "90"})
    with caplog.at_level(logging.INFO), quota.turn(UsageGroup.LIGHT):
        pass
    [message] = caplog.messages
    assert "Waiting 91 s" in message
    assert "429" in message


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Rate-Limit-Limit": "many", "X-Rate-Limit-Remaining": "-3", "X-Rate-Limit-Window": "nan"},
        {"X-Rate-Limit-Limit": "0", "X-Rate-Limit-Window": "0"},
        {"X-Rate-Limit-Limit": "0.5", "X-Rate-Limit-Window": "1e-9"},
        {"X-Rate-Limit-Limit": "", "X-Rate-Limit-Remaining": "", "X-Rate-Limit-Window": ""},
    ],
)
def test_headers_that_make_no_sense_count_as_missing(clock: ManualClock, headers: dict[str, str]) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(5):
        with quota.turn(UsageGroup.LIGHT) as turn:
            turn.answered(200, headers)
    assert clock.slept == []


@pytest.mark.parametrize("said", ["0", "Thu, 01 Jan 2026 00:00:00 GMT"])
def test_a_retry_after_of_zero_or_of_a_clock_that_is_off_does_not_shorten_a_penalty(
    clock: ManualClock, said: str
) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {"Retry-After": said})
    refused_at = clock.now
    with quota.turn(UsageGroup.LIGHT):
        assert clock.now >= refused_at + 30


def test_who_will_not_wait_is_told_until_when_a_penalty_is_on(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {"Retry-After": "60"})
    with pytest.raises(QuotaExceeded, match=r"penalty is on until \d\d:\d\d:\d\d UTC"):
        with quota.turn(UsageGroup.LIGHT, max_wait=0.0):
            pass
    assert clock.slept == []


def test_who_will_not_wait_is_told_that_the_quota_is_used_up(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=5, window=60, penalty=60, tell=ALL_HEADERS)
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(5):
        ask(quota, service, clock)
    with pytest.raises(QuotaExceeded, match=r"used up until \d\d:\d\d:\d\d UTC"):
        with quota.turn(UsageGroup.LIGHT, max_wait=0.0):
            pass
