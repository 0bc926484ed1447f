"""Requests leave when the headers leave room for them, and none leaves during a penalty."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_hvsms.api.quota import Quota, UsageGroup, retry_after
from tests.conftest import ManualClock


class SlidingWindow:
    """A service that counts as the real one does, and tells in its headers what it was told to tell."""

    def __init__(self, clock: ManualClock, *, limit: int, window: float, penalty: float, tell: set[str]) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._penalty = penalty
        self._tell = tell
        self._times: list[float] = []
        self._out_until = 0.0
        self.refused = 0
        self.inside_penalty = 0

    def ask(self) -> tuple[int, Mapping[str, str]]:
        now = self._clock()
        if now < self._out_until:
            self.inside_penalty += 1
        self._times = [time for time in self._times if time > now - self._window]
        if now < self._out_until or len(self._times) >= self._limit:
            self.refused += 1
            self._out_until = now + self._penalty
            return 429, self._shown({"Retry-After": str(int(self._penalty))})
        self._times.append(now)
        return 200, self._shown({"X-Rate-Limit-Remaining": str(self._limit - len(self._times))})

    def _shown(self, headers: dict[str, str]) -> dict[str, str]:
        everything = {
            "X-Rate-Limit-Group": "light",
            "X-Rate-Limit-Limit": str(self._limit),
            "X-Rate-Limit-Window": f"{self._window:g}",
            **headers,
        }
        return {name: value for name, value in everything.items() if name in self._tell}


ALL_HEADERS = {f"X-Rate-Limit-{name}" for name in ("Group", "Limit", "Remaining", "Window")} | {"Retry-After"}


def ask(quota: Quota, service: SlidingWindow, clock: ManualClock, *, seconds: float = 0.1) -> int:
    with quota.turn(UsageGroup.LIGHT) as turn:
        status, headers = service.ask()
        clock.now += seconds
        turn.answered(status, headers)
    return status


@pytest.mark.parametrize(("limit", "window"), [(10, 60), (50, 60), (600, 60), (10, 300), (50, 300), (1, 5)])
def test_nearly_all_of_the_quota_is_used_and_nothing_is_refused(clock: ManualClock, limit: int, window: float) -> None:
    service = SlidingWindow(clock, limit=limit, window=window, penalty=60, tell=ALL_HEADERS)
    quota = Quota(clock=clock, sleep=clock.sleep)
    started = clock.now
    asked = 0
    while clock.now < started + 10 * window:
        ask(quota, service, clock, seconds=0.01)
        asked += 1
    assert service.refused == 0
    assert asked >= 0.95 * limit * 10


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


def test_a_refusal_is_waited_out_before_the_next_request(clock: ManualClock) -> None:
    quota = Quota(clock=clock, sleep=clock.sleep)
    with quota.turn(UsageGroup.LIGHT) as turn:
        turn.answered(429, {"Retry-After": "60"})
    refused_at = clock.now
    with quota.turn(UsageGroup.LIGHT) as turn:
        assert clock.now >= refused_at + 60
        assert turn.waited >= 60


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
    assert "5 requests of the 5 in 60 s" in message


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


def test_retry_after_may_be_a_number_or_a_date() -> None:
    in_a_minute = datetime.now(UTC) + timedelta(seconds=60)
    from_date = retry_after({"Retry-After": format_datetime(in_a_minute, usegmt=True)})
    assert retry_after({"Retry-After": "17"}) == 17
    assert from_date is not None
    assert 57 < from_date <= 60
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({}) is None
