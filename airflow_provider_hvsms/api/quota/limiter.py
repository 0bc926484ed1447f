"""An exact sliding-window log: when the next request fits into a quota that this process uses alone.

The service counts the requests of a user and app over a sliding window, and each answer's headers say how many remain;
a request without these headers is not limited (RingCentral: rate limits).
"""

from __future__ import annotations

import math
from collections import deque
from http import HTTPStatus

from airflow_provider_hvsms.api.headers import number
from airflow_provider_hvsms.api.quota.permit import Permit

DEFAULT_WINDOW = 60.0
"""Seconds, until an answer names another quota window (RingCentral: rate limits)."""

# Clocks differ, and `Retry-After` may be rounded down. Seconds.
WINDOW_MARGIN = 0.05
PENALTY_MARGIN = 1.0

_RESERVE = 0.02
"""The share of the limit that stays free, so that the first request of another process is not refused."""


class Limiter:
    """The log of one usage group. All times are seconds of one clock.

    :param share: the part of the limit that may be used, above 0 and up to 1.
    """

    def __init__(self, *, share: float = 1.0) -> None:
        self.limit: int | None = None
        self.window = DEFAULT_WINDOW
        self.others = 0
        """Requests of other processes in the quota window, as far as they are known."""
        self._share = share
        self._has_answer = False
        self._in_flight: list[Permit] = []
        self._answered: deque[Permit] = deque()

    @property
    def usable(self) -> float:
        """How many requests a quota window may hold; infinity while no limit is known."""
        return math.inf if self.limit is None else max(1, int(self.limit * self._share))

    @property
    def ours(self) -> int:
        """Requests of this process in the quota window."""
        return len(self._in_flight) + len(self._answered)

    def left(self, now: float) -> int | None:
        """Requests that the quota window still holds for all processes; `None` while no limit is known."""
        self._expire(now)
        return None if self.limit is None else max(0, self.limit - self.ours - self.others)

    def next_at(self, now: float) -> float:
        """When the next request may be sent; infinity: not before one in flight is answered."""
        self._expire(now)
        if not self._has_answer:
            return math.inf if self._in_flight else now
        if self.limit is None or self.ours < min(self.usable, self.limit - int(self.limit * _RESERVE)):
            return now
        return self._next_expiry()

    def sent(self, permit: Permit, now: float) -> None:
        """Log a request that is sent."""
        permit.sent_at = now
        self._in_flight.append(permit)

    def answered(self, permit: Permit, now: float) -> None:
        """Log an answer, and learn the quota from its headers, each of which may be missing."""
        permit.answered_at = now
        self._in_flight.remove(permit)
        self._answered.append(permit)
        self._has_answer = True
        self.window = number(permit.headers, "X-Rate-Limit-Window") or self.window
        self._expire(now)
        limit = number(permit.headers, "X-Rate-Limit-Limit")
        remaining = number(permit.headers, "X-Rate-Limit-Remaining")
        if limit is not None and limit >= 1:
            self.limit = int(limit)
        elif remaining is not None:
            self.limit = self.ours + int(remaining)
        elif self.limit is None and permit.status == HTTPStatus.TOO_MANY_REQUESTS and self.ours > 2:
            self.limit = self.ours - 1

    def refused(self, permit: Permit, now: float, penalty: float) -> float:
        """Log a 429 with its penalty in seconds, and return when requests may be sent again."""
        return now + penalty + PENALTY_MARGIN

    def _expire(self, now: float) -> list[Permit]:
        """Remove, and return, the requests that have left the window."""
        expired = []
        while self._next_expiry() <= now:
            expired.append(self._answered.popleft())
        return expired

    def _next_expiry(self) -> float:
        answered_at = self._answered[0].answered_at if self._answered else None
        return math.inf if answered_at is None else answered_at + self.window + WINDOW_MARGIN
