"""Several processes share one limit, and know of each other only what `X-Rate-Limit-Remaining` says.

While the quota window holds requests of others, `SharedLimiter` sends by four rules:

1. **Guard band.** A part of the limit stays free, for what others send at the same moment.
2. **Packet conservation.** A request may replace one of ours that has just left the quota window, as their sum does not
   grow. One in four is yielded instead, so that shares become equal and late joiners get one.
3. **Proportional control with jitter.** Any other free place is taken after a random wait, which is longer the fewer
   places there are. They are predicted linearly: if the requests of others grew between the last two answers, they are
   taken to grow on. So processes that start together slow down before they reach the limit.
4. **Exponential backoff.** Each 429 makes the guard band four times as wide, and lengthens the random wait after the
   next penalty, until the contention is over.

When the last answer is older than a quota window, nothing is known, and one request is sent alone, as at the start.
`tests/benchmarks/contention.py` measures these rules.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

from airflow_provider_hvsms.api.headers import number
from airflow_provider_hvsms.api.quota.limiter import WINDOW_MARGIN, Limiter
from airflow_provider_hvsms.api.quota.permit import Permit

# Shares of the limit.
_GUARD_BAND = 0.06
_MAX_GUARD_BAND = 0.4

# Quota windows.
_REPLACEABLE = 0.3
_REMEMBERED = 2.0

_YIELDED = 0.25
"""The share of our places that is not replaced."""

_GAIN = 3.0
"""Requests that one process sends in a quota window for each free place, on average."""

_BACKOFF = 4.0
_MAX_REFUSALS = 3


class SharedLimiter(Limiter):
    """A `Limiter` that makes room for other processes.

    :param uniform: a random number between two.
    """

    def __init__(self, *, share: float = 1.0, uniform: Callable[[float, float], float] = random.uniform) -> None:
        super().__init__(share=share)
        self._uniform = uniform
        self._jitter = 1.0
        self._sent_at = -math.inf
        self._contended_until = -math.inf
        self._observed_at = -math.inf
        self._observed_sent_at = -math.inf
        self._growth = 0.0
        self._recent: deque[Permit] = deque()
        self._replaceable_until: list[float] = []
        self._refused_at = -math.inf
        self._refusals = 0

    def next_at(self, now: float) -> float:
        """When the next request may be sent; infinity: not before one in flight is answered."""
        alone_at = super().next_at(now)
        if now >= self._contended_until or self.limit is None:
            return alone_at
        outdated_at = self._observed_at + self.window + WINDOW_MARGIN
        if now >= outdated_at:
            return math.inf if self._in_flight else alone_at
        place_at = self._place_at(now, self.limit)
        return now if place_at <= now else min(place_at, outdated_at, self._next_expiry())

    def sent(self, permit: Permit, now: float) -> None:
        """Log a request that is sent."""
        super().sent(permit, now)
        self._sent_at = now
        self._jitter = self._uniform(0.0, 2.0)
        if self._replaceable_until:
            self._replaceable_until.pop(0)

    def answered(self, permit: Permit, now: float) -> None:
        """Log an answer, and learn from its headers how much of the quota others use."""
        super().answered(permit, now)
        self._recent.append(permit)
        remaining = number(permit.headers, "X-Rate-Limit-Remaining")
        is_success = permit.status is not None and permit.status < HTTPStatus.BAD_REQUEST
        if is_success and remaining is not None and self.limit is not None and permit.sent_at >= self._observed_sent_at:
            self._observe(permit, now, self.limit - int(remaining))

    def refused(self, permit: Permit, now: float, penalty: float) -> float:
        """Log a 429 with its penalty in seconds, and return when requests may be sent again.

        Under contention, other processes learn of the penalty by a request that restarts it. So a further quota window
        is waited, and some more at random: not all return at once.
        """
        ends = super().refused(permit, now, penalty)
        if permit.sent_at >= self._refused_at:
            self._refusals = min(_MAX_REFUSALS, self._refusals + 1)
        self._refused_at = now
        if now < self._contended_until or self.ours < (self.limit or 1):
            ends += min(penalty, self.window) * self._uniform(1.0, 1.0 + self._refusals)
            self._observed_at = -math.inf
            self._replaceable_until = []
            self._contended_until = max(self._contended_until, ends + _REMEMBERED * self.window)
        return ends

    def _observe(self, permit: Permit, now: float, used: int) -> None:
        """Note how many of the requests that the service had counted when this one arrived are not ours.

        Of ours, it may have counted any that is in flight, or was answered later than one quota window before this one
        was sent. It probably counted those that were sent before this one, and arrived less than one before it.
        """
        while (self._recent[0].answered_at or now) <= permit.sent_at - self.window:
            self._recent.popleft()
        counted = sum(sent.sent_at <= permit.sent_at for sent in self._in_flight)
        counted += sum(recent.arrived_at > permit.arrived_at - self.window for recent in self._recent)
        others = max(0, used - counted)
        if used > len(self._recent) + len(self._in_flight):
            self._contended_until = max(self._contended_until, now + _REMEMBERED * self.window)
        elif now >= self._contended_until:
            others = self._refusals = 0
        if now > self._observed_at:
            self._growth = max(0.0, (others - self.others) / (now - self._observed_at))
        self.others = others
        self._observed_at = now
        self._observed_sent_at = permit.sent_at

    def _place_at(self, now: float, limit: int) -> float:
        """When a request may take a free place; infinity: no place is free."""
        guard_band = math.ceil(limit * min(_MAX_GUARD_BAND, _GUARD_BAND * _BACKOFF**self._refusals))
        free = min(self.usable, limit - guard_band) - self.ours - self.others
        if free < 1:
            return math.inf
        if self._replaceable_until:
            return now
        free -= self._growth * (now - self._observed_sent_at)
        if free <= 0:
            return math.inf
        return self._sent_at + self._jitter * self.window / (_GAIN * free)

    def _expire(self, now: float) -> list[Permit]:
        expired = super()._expire(now)
        if expired and now < self._contended_until:
            replaced = sum(self._uniform(0.0, 1.0) >= _YIELDED for _ in expired)
            self._replaceable_until += [now + _REPLACEABLE * self.window] * replaced
        self._replaceable_until = [until for until in self._replaceable_until if until > now]
        return expired
