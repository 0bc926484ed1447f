"""Processes that know of each other only by what the headers say share one quota without getting each other banned."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from airflow_provider_hvsms.api.quota.quota import Quota, UsageGroup
from tests.api.quota.shared_clock import SharedClock
from tests.support.sliding_window import ALL_HEADERS, SlidingWindow

SEEDS = range(3)


class Process:
    """Reads on and on, one request after the other, from a moment on."""

    def __init__(
        self,
        service: SlidingWindow,
        clock: SharedClock,
        chance: random.Random,
        *,
        starts: float,
        latency: float,
        share: float = 1.0,
    ) -> None:
        self._service = service
        self._clock = clock
        self._chance = chance
        self._starts = starts
        self._latency = latency
        self.quota = Quota(share=share, clock=clock, sleep=clock.sleep, uniform=chance.uniform)
        self.statuses: list[int] = []
        self.returned_at: list[float] = []

    def read_until(self, moment: float) -> None:
        self._clock.sleep(self._starts)
        while self._clock.now < moment:
            self.read()

    def read(self) -> None:
        with self.quota.turn(UsageGroup.LIGHT) as turn:
            if self.statuses and self.statuses[-1] == 429:
                self.returned_at.append(self._clock.now)
            self._clock.sleep(self._chance.uniform(0.25, 0.75) * self._latency)
            status, headers = self._service.ask()
            self.statuses.append(status)
            self._clock.sleep(self._chance.uniform(0.25, 0.75) * self._latency)
            turn.answered(status, headers)


def processes(
    service: SlidingWindow, clock: SharedClock, *, starts: list[float], latency: float, seed: int
) -> list[Process]:
    return [
        Process(service, clock, random.Random(100 * seed + number), starts=start, latency=latency)
        for number, start in enumerate(starts)
    ]


def reading(everybody: list[Process], until: float) -> list[Callable[[], None]]:
    return [lambda process=process: process.read_until(until) for process in everybody]  # type: ignore[misc]  # mypy knows no such default


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("limit", "window", "latency", "count"),
    [(60, 10, 0.005, 2), (60, 10, 0.005, 4), (60, 10, 0.1, 4), (50, 60, 0.3, 2), (50, 60, 0.3, 4), (100, 60, 0.3, 6)],
)
def test_together_they_use_85_percent_of_the_quota_and_none_is_refused(
    limit: int, window: float, latency: float, count: int, seed: int
) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=limit, window=window, penalty=window, tell=ALL_HEADERS)
    starts = [number * window / 100 for number in range(count)]
    everybody = processes(service, clock, starts=starts, latency=latency, seed=seed)
    clock.run(reading(everybody, 10 * window))
    assert service.refused == 0
    assert sum(len(process.statuses) for process in everybody) >= 0.85 * limit * 10


@pytest.mark.parametrize("seed", SEEDS)
def test_who_comes_later_gets_a_part_too(seed: int) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=60, window=10, penalty=10, tell=ALL_HEADERS)
    _, later = everybody = processes(service, clock, starts=[0, 25], latency=0.01, seed=seed)
    clock.run(reading(everybody, 225))
    assert service.refused == 0
    assert len(later.statuses) >= 0.2 * 60 * 20


@pytest.mark.parametrize("seed", SEEDS)
def test_who_stays_behind_alone_uses_97_percent_again(seed: int) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=60, window=10, penalty=10, tell=ALL_HEADERS)
    ends, stays = processes(service, clock, starts=[0, 0], latency=0.01, seed=seed)
    clock.run([lambda: ends.read_until(50), lambda: stays.read_until(100)])
    before = len(stays.statuses)
    clock.run([lambda: stays.read_until(200)])
    assert service.refused == 0
    assert len(stays.statuses) - before >= 0.97 * 60 * 10


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_penalty_each_was_refused_once_at_most_and_they_come_back_spread_out(seed: int) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=50, window=60, penalty=60, tell=ALL_HEADERS)
    everybody = processes(service, clock, starts=[0, 1, 2, 3], latency=0.3, seed=seed)

    def use_everything() -> None:
        clock.sleep(90)
        while service.ask()[0] != 429:
            pass

    clock.run([*reading(everybody, 600), use_everything])
    assert all(process.statuses.count(429) <= 1 for process in everybody)
    returns = sorted(process.returned_at[0] for process in everybody if process.returned_at)
    assert len(returns) >= 2
    assert returns[-1] - returns[0] > 5


def test_requests_of_one_process_that_are_under_way_at_once_are_not_taken_for_others() -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=600, window=60, penalty=60, tell=ALL_HEADERS)
    [process] = processes(service, clock, starts=[0], latency=0.5, seed=1)
    clock.run([process.read])
    clock.run([lambda: process.read_until(240) for _ in range(10)])
    assert service.refused == 0
    assert len(process.statuses) >= 0.97 * 600 * 4


def test_a_share_that_others_have_used_up_still_lets_about_one_request_a_window_leave() -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=60, window=60, penalty=60, tell=ALL_HEADERS)
    process = Process(service, clock, random.Random(1), starts=60, latency=0.3, share=0.5)

    def use_two_thirds() -> None:
        while clock.now < 660:
            service.ask()
            clock.sleep(1.5)

    clock.run([use_two_thirds, lambda: process.read_until(660)])
    assert service.refused == 0
    assert 9 <= len(process.statuses) <= 13
