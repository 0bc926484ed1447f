"""A clock for tests, which stands still until `sleep` is called."""

from __future__ import annotations


class ManualClock:
    """Seconds that pass only in `sleep`, which returns at once."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
