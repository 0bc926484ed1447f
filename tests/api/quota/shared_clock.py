"""Time that passes only while everybody sleeps, for several processes played by threads."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence


class SharedClock:
    """Wakes whoever sleeps shortest, once all others sleep too: only one runs at a time, and always the same one."""

    def __init__(self) -> None:
        self.now = 0.0
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int]] = []
        self._running: int | None = None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            me = self._lie_down(seconds)
            self._wake_next()
            self._changed.wait_for(lambda: self._running == me)

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Do all of these at once, from now on, and return when all are done."""
        threads = [threading.Thread(target=self._do, args=(work, self._lie_down(0))) for work in works]
        for thread in threads:
            thread.start()
        with self._changed:
            self._wake_next()
        for thread in threads:
            thread.join()

    def _do(self, work: Callable[[], None], me: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._running == me)
        try:
            work()
        finally:
            with self._changed:
                self._wake_next()

    def _lie_down(self, seconds: float) -> int:
        number = next(self._numbers)
        heapq.heappush(self._sleepers, (self.now + seconds, number))
        return number

    def _wake_next(self) -> None:
        if self._sleepers:
            moment, self._running = heapq.heappop(self._sleepers)
            self.now = max(self.now, moment)
            self._changed.notify_all()
