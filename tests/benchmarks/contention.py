"""Simulates processes that share a quota, and prints their 429s and how much of the quota they use.

Run it as `python tests/benchmarks/contention.py`; it takes two minutes, with `--seeds 2` some seconds.
It compares the rules of `api/quota/contention.py` with a pacer, which sends `yield × ours + headroom` requests in a
quota window, at intervals with jitter. Each process reads continuously, and an answer takes 0.2 to 1 s. The processes
start at once, within two seconds, or staggered over two quota windows, of which a run has ten. Time is simulated.

A second table is of tasks: processes that end after some pages, and are followed by a new one that knows nothing.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import random
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from airflow_provider_hvsms.api.quota.contention import SharedLimiter
from airflow_provider_hvsms.api.quota.permit import Permit
from tests.support.sliding_window import SlidingWindow

PROCESSES = (2, 4, 6, 8, 16)
LIMITS = (10, 50, 60, 600)
SEEDS = 20
WINDOW = 60.0
WINDOWS = 10
LATENCY = (0.2, 1.0)
SPREADS = {"at once": 0.0, "within 2 s": 2.0, "staggered": 2 * WINDOW}
"""Seconds within which the processes start."""
THREADS = {600: 8}
"""Of a process; one where the quota allows less than two requests a second."""

PAGES = (5, 20, 100)
TASK_LIMITS = (50, 60)
PAUSE = (1.0, 4.0)
"""Seconds from the end of a task to the first request of the next one."""


class Pacer(SharedLimiter):
    """Sends at a rate that follows from the last answer alone."""

    replaced = 0.85

    def _place_at(self, now: float, limit: int) -> float:
        headroom = self.usable - self.ours - self.others
        if headroom < 1:
            return math.inf
        return self._sent_at + self._jitter * self.window / (self.replaced * self.ours + headroom)


RULES: dict[str, type[SharedLimiter]] = {"contention.py": SharedLimiter, "pacer": Pacer}


class Case(NamedTuple):
    rules: str
    starts: str
    limit: int
    processes: int
    pages: float = math.inf
    """After so many pages a process ends."""


class Result(NamedTuple):
    refused: float
    """429s for each process."""
    used: float
    """The share of the quota."""


class Simulation:
    """Processes that send by the same rules."""

    def __init__(self, case: Case, seed: int) -> None:
        self.now = 0.0
        self.service = SlidingWindow(lambda: self.now, limit=case.limit, window=WINDOW, penalty=WINDOW)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        for number in range(case.processes):
            chance = random.Random(f"{seed} {number}")
            process = Process(self, RULES[case.rules], chance, case.pages)
            starts_at = chance.uniform(0, SPREADS[case.starts])
            for _ in range(THREADS.get(case.limit, 1)):
                self.at(starts_at, process.send)

    def at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), event))

    def run(self) -> None:
        while self._events[0][0] < WINDOWS * WINDOW:
            self.now, _, event = heapq.heappop(self._events)
            event()


class Process:
    """A process, and those that follow it."""

    def __init__(self, simulation: Simulation, rules: type[SharedLimiter], chance: random.Random, pages: float) -> None:
        self._simulation = simulation
        self._rules = rules
        self._chance = chance
        self._pages = pages
        self._begin()

    def _begin(self) -> None:
        self._limiter = self._rules(uniform=self._chance.uniform)
        self._penalty_ends = -math.inf
        self._waiting = 0
        self._left = self._pages

    def send(self) -> None:
        now = self._simulation.now
        next_at = max(self._limiter.next_at(now), self._penalty_ends)
        if next_at == math.inf:
            self._waiting += 1
        elif next_at > now:
            self._simulation.at(next_at, self.send)
        else:
            permit = Permit()
            self._limiter.sent(permit, now)
            self._after_travel(lambda: self._arrive(permit))

    def _arrive(self, permit: Permit) -> None:
        permit.answered(*self._simulation.service.ask())
        self._after_travel(lambda: self._answer(permit))

    def _answer(self, permit: Permit) -> None:
        now = self._simulation.now
        self._limiter.answered(permit, now)
        if permit.status == 429:
            self._penalty_ends = max(self._penalty_ends, self._limiter.refused(permit, now, WINDOW))
        else:
            self._left -= 1
        if self._left == 0:
            self._begin()
            self._simulation.at(now + self._chance.uniform(*PAUSE), self.send)
            return
        for _ in range(1 + self._waiting):
            self._simulation.at(now, self.send)
        self._waiting = 0

    def _after_travel(self, event: Callable[[], None]) -> None:
        self._simulation.at(self._simulation.now + self._chance.uniform(*LATENCY) / 2, event)


def simulate(case: Case, seeds: int) -> Result:
    refused = admitted = 0
    for seed in range(seeds):
        simulation = Simulation(case, seed)
        simulation.run()
        refused += simulation.service.refused
        admitted += simulation.service.admitted
    return Result(refused / seeds / case.processes, admitted / seeds / case.limit / WINDOWS)


def print_table(rules: str, results: dict[Case, Result], limits: Iterable[int]) -> None:
    print(f"\n{rules}: 429s for each process, and use of the quota\n")
    print("| starts | limit |", *(f"{count} processes |" for count in PROCESSES))
    print("|---|--:|" + "--:|" * len(PROCESSES))
    for starts, limit in itertools.product(SPREADS, limits):
        row = [results[Case(rules, starts, limit, count)] for count in PROCESSES]
        print(f"| {starts} | {limit} |", *(f"{result.refused:.2f}, {result.used:.0%} |" for result in row))


def print_tasks(results: dict[Case, Result]) -> None:
    print("\nTasks: 429s in a run for each that is active, and use of the quota\n")
    print("| pages of a task | limit |", *(f"{count} at once |" for count in PROCESSES))
    print("|--:|--:|" + "--:|" * len(PROCESSES))
    for pages, limit in itertools.product(PAGES, TASK_LIMITS):
        row = [results[_tasks(limit, count, pages)] for count in PROCESSES]
        print(f"| {pages} | {limit} |", *(f"{result.refused:.2f}, {result.used:.0%} |" for result in row))


def _tasks(limit: int, count: int, pages: int) -> Case:
    return Case("contention.py", "within 2 s", limit, count, pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"runs of each case, {SEEDS} by default")
    parser.add_argument("--limits", type=int, nargs="+", default=LIMITS, help="requests in a quota window")
    arguments = parser.parse_args()
    cases = [Case(*case) for case in itertools.product(RULES, SPREADS, arguments.limits, PROCESSES)]
    cases += [_tasks(*case) for case in itertools.product(TASK_LIMITS, PROCESSES, PAGES)]
    with ProcessPoolExecutor() as executor:
        results = dict(zip(cases, executor.map(simulate, cases, itertools.repeat(arguments.seeds)), strict=True))
    for rules in RULES:
        print_table(rules, results, arguments.limits)
    print_tasks(results)


if __name__ == "__main__":
    main()
