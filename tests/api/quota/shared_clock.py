"""A clock that advances only while all simulated processes sleep."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence


class SharedClock:
    """The time of processes that are played by threads: one runs at a time, in an order that is always the same."""

    def __init__(self) -> None:
        self.now = 0.0
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._sleepers: list[tuple[float, int]] = []
        self._running: int | None = None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            ticket = self._enqueue(seconds)
            self._wake_next()
            self._changed.wait_for(lambda: self._running == ticket)

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Start all of these now, and return when all are done."""
        threads = [threading.Thread(target=self._do, args=(work, self._enqueue(0))) for work in works]
        for thread in threads:
            thread.start()
        with self._changed:
            self._wake_next()
        for thread in threads:
            thread.join()

    def _do(self, work: Callable[[], None], ticket: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._running == ticket)
        try:
            work()
        finally:
            with self._changed:
                self._wake_next()

    def _enqueue(self, seconds: float) -> int:
        ticket = next(self._tickets)
        heapq.heappush(self._sleepers, (self.now + seconds, ticket))
        return ticket

    def _wake_next(self) -> None:
        if self._sleepers:
            wakes_at, self._running = heapq.heappop(self._sleepers)
            self.now = max(self.now, wakes_at)
            self._changed.notify_all()
