"""A service that counts requests as the real one does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Set

ALL_HEADERS = frozenset(f"X-Rate-Limit-{name}" for name in ("Group", "Limit", "Remaining", "Window")) | {"Retry-After"}


class SlidingWindow:
    """The quota of one user and app: a sliding window, and a penalty that each request inside it restarts.

    :param headers: the names of the headers that its answers have.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        limit: int,
        window: float = 60,
        penalty: float = 60,
        headers: Set[str] = ALL_HEADERS,
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._penalty = penalty
        self._headers = headers
        self._admitted: deque[float] = deque()
        self._penalty_ends = 0.0
        self.admitted = 0
        self.refused = 0
        self.inside_penalty = 0

    @property
    def used(self) -> int:
        """Requests in the window."""
        now = self._clock()
        while self._admitted and self._admitted[0] <= now - self._window:
            self._admitted.popleft()
        return len(self._admitted)

    def ask(self) -> tuple[int, Mapping[str, str]]:
        """Count a request, and return the status and headers of its answer."""
        now = self._clock()
        is_inside = now < self._penalty_ends
        self.inside_penalty += is_inside
        if is_inside or self.used >= self._limit:
            self.refused += 1
            self._penalty_ends = now + self._penalty
            return 429, self._answer({"Retry-After": str(int(self._penalty))})
        self.admitted += 1
        self._admitted.append(now)
        return 200, self._answer({"X-Rate-Limit-Remaining": str(self._limit - len(self._admitted))})

    def _answer(self, headers: dict[str, str]) -> dict[str, str]:
        headers |= {
            "X-Rate-Limit-Group": "light",
            "X-Rate-Limit-Limit": str(self._limit),
            "X-Rate-Limit-Window": f"{self._window:g}",
        }
        return {name: value for name, value in headers.items() if name in self._headers}
