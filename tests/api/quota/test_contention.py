"""Processes that see of each other only the rate limit headers share one quota without 429s."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from airflow_provider_hvsms.api.quota.quota import Quota, UsageGroup
from tests.api.quota.shared_clock import SharedClock
from tests.support.sliding_window import SlidingWindow

SEEDS = range(3)


class Process:
    """Reads continuously, one request after the other."""

    def __init__(
        self,
        service: SlidingWindow,
        clock: SharedClock,
        chance: random.Random,
        *,
        starts_at: float,
        latency: float,
        share: float = 1.0,
    ) -> None:
        self._service = service
        self._clock = clock
        self._chance = chance
        self._starts_at = starts_at
        self._latency = latency
        self.quota = Quota(share=share, clock=clock, sleep=clock.sleep, uniform=chance.uniform)
        self.statuses: list[int] = []
        self.returned_at: list[float] = []

    def read_until(self, end: float) -> None:
        self._clock.sleep(max(0, self._starts_at - self._clock.now))
        while self._clock.now < end:
            self.read()

    def read(self) -> None:
        with self.quota.permit(UsageGroup.LIGHT) as permit:
            if self.statuses and self.statuses[-1] == 429:
                self.returned_at.append(self._clock.now)
            self._clock.sleep(self._chance.uniform(0.25, 0.75) * self._latency)
            status, headers = self._service.ask()
            self.statuses.append(status)
            self._clock.sleep(self._chance.uniform(0.25, 0.75) * self._latency)
            permit.answered(status, headers)


def start_processes(
    service: SlidingWindow, clock: SharedClock, *, starts: list[float], latency: float, seed: int
) -> list[Process]:
    return [
        Process(service, clock, random.Random(100 * seed + number), starts_at=start, latency=latency)
        for number, start in enumerate(starts)
    ]


def reading(processes: list[Process], until: float) -> list[Callable[[], None]]:
    return [lambda process=process: process.read_until(until) for process in processes]  # type: ignore[misc]  # mypy knows no such default


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("limit", "window", "latency", "count"),
    [(60, 10, 0.005, 2), (60, 10, 0.005, 4), (60, 10, 0.1, 4), (50, 60, 0.3, 2), (50, 60, 0.3, 4), (100, 60, 0.3, 6)],
)
def test_several_processes_use_85_percent_of_the_quota_and_none_is_refused(
    limit: int, window: float, latency: float, count: int, seed: int
) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=limit, window=window, penalty=window)
    starts = [number * window / 100 for number in range(count)]
    clock.run(reading(start_processes(service, clock, starts=starts, latency=latency, seed=seed), 10 * window))
    assert service.refused == 0
    assert service.admitted >= 0.85 * limit * 10


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("limit", [50, 60])
@pytest.mark.parametrize("spread", [0, 2], ids=["at once", "within two seconds"])
def test_six_processes_that_start_together_use_85_percent_of_the_quota_and_none_is_refused(
    spread: float, limit: int, seed: int
) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=limit)
    chance = random.Random(seed)
    starts = [chance.uniform(0, spread) for _ in range(6)]
    clock.run(reading(start_processes(service, clock, starts=starts, latency=0.6, seed=seed), 300))
    assert service.refused == 0
    assert service.admitted >= 0.85 * limit * 5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_late_joiner_gets_a_fifth_of_the_quota_at_least(seed: int) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=60, window=10, penalty=10)
    _, joiner = processes = start_processes(service, clock, starts=[0, 25], latency=0.01, seed=seed)
    clock.run(reading(processes, 225))
    assert service.refused == 0
    assert len(joiner.statuses) >= 0.2 * 60 * 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_process_that_remains_alone_uses_97_percent_again(seed: int) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=60, window=10, penalty=10)
    ends, remains = start_processes(service, clock, starts=[0, 0], latency=0.01, seed=seed)
    clock.run([lambda: ends.read_until(50), lambda: remains.read_until(100)])
    before = len(remains.statuses)
    clock.run([lambda: remains.read_until(400)])
    assert service.refused == 0
    assert len(remains.statuses) - before >= 0.97 * 60 * 30


@pytest.mark.parametrize("seed", SEEDS)
def test_each_process_is_refused_once_at_most_for_one_penalty_and_they_return_spread_out(seed: int) -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=50)
    processes = start_processes(service, clock, starts=[0, 1, 2, 3], latency=0.3, seed=seed)

    def use_everything() -> None:
        clock.sleep(90)
        while service.ask()[0] != 429:
            pass

    clock.run([*reading(processes, 600), use_everything])
    assert all(process.statuses.count(429) <= 1 for process in processes)
    returns = sorted(process.returned_at[0] for process in processes if process.returned_at)
    assert len(returns) >= 2
    assert returns[-1] - returns[0] > 5


def test_a_process_alone_uses_97_percent_also_where_answers_take_differently_long() -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=50)
    clock.run(reading(start_processes(service, clock, starts=[0], latency=1.0, seed=1), 600))
    assert service.refused == 0
    assert service.admitted >= 0.97 * 50 * 10


def test_concurrent_requests_of_one_process_are_not_counted_as_those_of_others() -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=600)
    [process] = start_processes(service, clock, starts=[0], latency=0.5, seed=1)
    clock.run([process.read])
    clock.run([lambda: process.read_until(240) for _ in range(10)])
    assert service.refused == 0
    assert len(process.statuses) >= 0.97 * 600 * 4


def test_a_share_that_others_have_used_up_still_allows_about_one_request_in_a_window() -> None:
    clock = SharedClock()
    service = SlidingWindow(clock, limit=60)
    process = Process(service, clock, random.Random(1), starts_at=60, latency=0.3, share=0.5)

    def use_two_thirds() -> None:
        while clock.now < 660:
            service.ask()
            clock.sleep(1.5)

    clock.run([use_two_thirds, lambda: process.read_until(660)])
    assert service.refused == 0
    assert 9 <= len(process.statuses) <= 13
