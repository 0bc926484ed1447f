"""A service that counts requests as the real one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

ALL_HEADERS = {f"X-Rate-Limit-{name}" for name in ("Group", "Limit", "Remaining", "Window")} | {"Retry-After"}


class SlidingWindow:
    """A service that counts as the real one does, and tells in its headers what it was told to tell."""

    def __init__(
        self, clock: Callable[[], float], *, limit: int, window: float, penalty: float, tell: set[str]
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._penalty = penalty
        self._tell = tell
        self._times: list[float] = []
        self._out_until = 0.0
        self.refused = 0
        self.inside_penalty = 0

    def used(self) -> int:
        return sum(time > self._clock() - self._window for time in self._times)

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
