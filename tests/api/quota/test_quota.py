"""A request is sent when the headers show room for it, and never during a penalty."""

from __future__ import annotations

import logging
import threading

import pytest

from airflow_provider_hvsms.api.errors import QuotaExceeded
from airflow_provider_hvsms.api.quota.quota import Quota, UsageGroup
from tests.support.clock import ManualClock
from tests.support.sliding_window import ALL_HEADERS, SlidingWindow


def ask(quota: Quota, service: SlidingWindow, clock: ManualClock, *, seconds: float = 0.1) -> int:
    with quota.permit(UsageGroup.LIGHT) as permit:
        status, headers = service.ask()
        clock.now += seconds
        permit.answered(status, headers)
    return status


@pytest.mark.parametrize(("limit", "window"), [(10, 60), (50, 60), (600, 60), (10, 300), (50, 300), (600, 300)])
def test_a_process_alone_uses_97_percent_of_the_quota_and_is_never_refused(
    clock: ManualClock, limit: int, window: float
) -> None:
    service = SlidingWindow(clock, limit=limit, window=window, penalty=60)
    quota = Quota(clock=clock, sleep=clock.sleep)
    started = clock.now
    sent_at = []
    while clock.now < started + 6 * window:
        ask(quota, service, clock, seconds=0.01)
        sent_at.append(clock.now)
    sustained = [moment for moment in sent_at if started + window < moment < started + 6 * window]
    assert service.refused == 0
    assert len(sustained) >= 0.97 * limit * 5


def test_the_first_requests_are_sent_at_once_while_the_quota_has_room(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=50)
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(49):
        ask(quota, service, clock)
    assert clock.slept == []


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_smallest_quotas_are_not_exceeded(clock: ManualClock, limit: int) -> None:
    service = SlidingWindow(clock, limit=limit, window=5, penalty=60)
    quota = Quota(clock=clock, sleep=clock.sleep)
    started = clock.now
    for _ in range(10 * limit):
        ask(quota, service, clock, seconds=0.01)
    assert service.refused == 0
    assert clock.now - started <= 10 * 5.1


def test_with_a_share_of_one_half_half_of_the_quota_stays_free(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=60)
    quota = Quota(share=0.5, clock=clock, sleep=clock.sleep)
    started = clock.now
    max_used = 0
    sent = 0
    while clock.now < started + 600:
        ask(quota, service, clock, seconds=0.01)
        sent += 1
        max_used = max(max_used, service.used)
    assert max_used == 30
    assert sent >= 0.97 * 300


@pytest.mark.parametrize("missing", sorted(ALL_HEADERS - {"Retry-After"}))
def test_the_limit_is_not_exceeded_when_any_one_header_is_missing(clock: ManualClock, missing: str) -> None:
    service = SlidingWindow(clock, limit=20, headers=ALL_HEADERS - {missing})
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(200):
        ask(quota, service, clock)
    assert service.refused == 0


def test_the_remaining_count_alone_is_enough_not_to_exceed_the_limit(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=20, headers={"X-Rate-Limit-Remaining"})
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(100):
        ask(quota, service, clock)
    assert service.refused == 0


def test_without_headers_requests_are_not_limited(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=10_000, headers=set())
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(1_000):
        ask(quota, service, clock)
    assert clock.slept == []


def test_without_headers_the_limit_is_learned_from_one_429(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=20, window=60, penalty=30, headers=set())
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(200):
        ask(quota, service, clock)
    assert (service.refused, service.inside_penalty) == (1, 0)


def test_no_limit_is_learned_from_a_429_to_the_first_request(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=10_000, headers=set())
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.permit(UsageGroup.LIGHT) as permit:
        permit.answered(429, {})
    for _ in range(100):
        ask(quota, service, clock)
    assert len(clock.slept) == 1


def test_after_a_429_the_limit_is_not_exceeded_without_the_remaining_count(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=10, headers=ALL_HEADERS - {"X-Rate-Limit-Remaining"})
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(5):
        service.ask()
    for _ in range(60):
        ask(quota, service, clock)
    assert service.refused == 1


def test_the_next_request_waits_for_the_end_of_the_penalty(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.permit(UsageGroup.LIGHT) as permit:
        permit.answered(429, {"Retry-After": "60"})
    answered_at = clock.now
    with quota.permit(UsageGroup.LIGHT) as permit:
        assert clock.now >= answered_at + 60
        assert permit.waited >= 60


def test_an_unexpected_429_costs_at_most_five_times_its_penalty(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=50)
    quota = Quota(clock=clock, sleep=clock.sleep)
    ask(quota, service, clock)
    with quota.permit(UsageGroup.LIGHT) as permit:
        permit.answered(429, {"Retry-After": "2"})
    answered_at = clock.now
    for _ in range(3):
        ask(quota, service, clock)
    assert 2 <= clock.now - answered_at <= 10


def test_a_429_without_retry_after_means_a_penalty_of_at_least_thirty_seconds(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.permit(UsageGroup.LIGHT) as permit:
        permit.answered(429, {})
    answered_at = clock.now
    with quota.permit(UsageGroup.LIGHT):
        assert clock.now >= answered_at + 30


def test_a_penalty_for_reads_delays_logins_too(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.permit(UsageGroup.LIGHT) as permit:
        permit.answered(429, {"Retry-After": "60"})
    assert not quota.has_room(UsageGroup.AUTH)


def test_a_penalty_for_logins_does_not_delay_reads(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.permit(UsageGroup.AUTH) as permit:
        permit.answered(429, {"Retry-After": "60"})
    assert quota.has_room(UsageGroup.LIGHT)
    assert not quota.has_room(UsageGroup.AUTH)


def test_no_thread_sends_during_a_penalty(clock: ManualClock) -> None:
    """A thread that already waits when the 429 comes checks for a penalty before it sends."""
    service = SlidingWindow(clock, limit=5, window=10, penalty=60, headers={"X-Rate-Limit-Window", "Retry-After"})
    quota = Quota(clock=clock, sleep=clock.sleep)
    lock = threading.Lock()

    def work() -> None:
        for _ in range(10):
            with quota.permit(UsageGroup.LIGHT) as permit, lock:
                permit.answered(*service.ask())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert service.inside_penalty <= 3, "only those that were in flight already"


def test_requests_of_other_processes_count_too(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=20)
    quota = Quota(clock=clock, sleep=clock.sleep)
    ask(quota, service, clock)
    for _ in range(15):
        service.ask()
    for _ in range(40):
        ask(quota, service, clock)
    assert service.refused == 0


def test_a_wait_is_logged_once_with_how_long_and_why(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    service = SlidingWindow(clock, limit=5)
    quota = Quota(clock=clock, sleep=clock.sleep)
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            ask(quota, service, clock)
    [message] = caplog.messages
    assert "Waiting 59" in message
    assert "of the 5 requests in 60 s, 5 are used by this process" in message


def test_a_penalty_is_logged_once_with_how_long_and_why(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.permit(UsageGroup.LIGHT) as permit:
        permit.answered(429, {"Retry-After": "90"})
    with caplog.at_level(logging.INFO), quota.permit(UsageGroup.LIGHT):
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
def test_headers_without_a_usable_value_count_as_missing(clock: ManualClock, headers: dict[str, str]) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(5):
        with quota.permit(UsageGroup.LIGHT) as permit:
            permit.answered(200, headers)
    assert clock.slept == []


@pytest.mark.parametrize("value", ["0", "Thu, 01 Jan 2026 00:00:00 GMT"])
def test_a_retry_after_of_zero_or_in_the_past_does_not_shorten_a_penalty(clock: ManualClock, value: str) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.permit(UsageGroup.LIGHT) as permit:
        permit.answered(429, {"Retry-After": value})
    answered_at = clock.now
    with quota.permit(UsageGroup.LIGHT):
        assert clock.now >= answered_at + 30


def test_without_waiting_the_error_names_the_end_of_the_penalty(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.permit(UsageGroup.LIGHT) as permit:
        permit.answered(429, {"Retry-After": "60"})
    with pytest.raises(QuotaExceeded, match=r"penalty is on until \d\d:\d\d:\d\d UTC"):
        with quota.permit(UsageGroup.LIGHT, max_wait=0.0):
            pass
    assert clock.slept == []


def test_without_waiting_the_error_names_when_the_quota_has_room(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=5)
    quota = Quota(clock=clock, sleep=clock.sleep)
    for _ in range(5):
        ask(quota, service, clock)
    with pytest.raises(QuotaExceeded, match=r"used up until \d\d:\d\d:\d\d UTC"):
        with quota.permit(UsageGroup.LIGHT, max_wait=0.0):
            pass


def test_what_is_left_of_the_quota_counts_the_requests_of_others_and_grows_again(clock: ManualClock) -> None:
    service = SlidingWindow(clock, limit=50)
    quota = Quota(clock=clock, sleep=clock.sleep)
    assert quota.left(UsageGroup.LIGHT) is None
    for _ in range(5):
        service.ask()
    for _ in range(10):
        ask(quota, service, clock)
    assert quota.left(UsageGroup.LIGHT) == (35, 50)
    clock.now += 61
    assert quota.left(UsageGroup.LIGHT) == (45, 50)


def test_what_is_left_is_unknown_without_headers(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    ask(quota, SlidingWindow(clock, limit=50, headers=frozenset()), clock)
    assert quota.left(UsageGroup.LIGHT) is None
