"""The quota: a sliding window, and a penalty for those who go past it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Lock

from airflow_provider_hvsms.sandbox.settings import (
    GROUP_HEADER,
    LIMIT_HEADER,
    REMAINING_HEADER,
    RETRY_HEADER,
    WINDOW_HEADER,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the quota says to one request; ``retry_after`` is whole seconds, ``None`` when the request is let in.

    ``in_window`` counts the requests of the last window, this one and refused ones included.
    """

    group: str
    limit: int
    remaining: int
    window: float
    retry_after: int | None
    inside_penalty: bool
    in_window: int

    @property
    def allowed(self) -> bool:
        """Whether the request is let in."""
        return self.retry_after is None

    def headers(self, sent: frozenset[str]) -> Iterator[tuple[str, str]]:
        """Yield the quota headers, of those in ``sent``."""
        values = {
            GROUP_HEADER: self.group,
            LIMIT_HEADER: str(self.limit),
            REMAINING_HEADER: str(self.remaining),
            WINDOW_HEADER: f"{self.window:g}",
        }
        if self.retry_after is not None:
            values[RETRY_HEADER] = str(self.retry_after)
        yield from ((name, value) for name, value in values.items() if name in sent)


class _Requester:
    def __init__(self) -> None:
        self.admitted: deque[float] = deque()
        self.arrived: deque[float] = deque()
        self.penalty_until = -math.inf


class Quota:
    """One usage group. Times are seconds; ``clock`` counts them since the epoch."""

    def __init__(self, group: str, limit: int, window: float, penalty: float, clock: Callable[[], float]) -> None:
        self._group, self._limit, self._window, self._penalty = group, limit, window, penalty
        self._clock = clock
        self._lock = Lock()
        self._requesters: dict[str, _Requester] = {}

    def ask(self, who: str) -> Verdict:
        """Count one request of a user and app, and say whether it is let in."""
        with self._lock:
            now = self._clock()
            requester = self._requesters.setdefault(who, _Requester())
            self._forget(requester)
            requester.arrived.append(now)
            inside = now < requester.penalty_until
            if inside or len(requester.admitted) >= self._limit:
                requester.penalty_until = now + self._penalty
                return self._verdict(requester, math.ceil(self._penalty), inside)
            requester.admitted.append(now)
            return self._verdict(requester, None, False)

    def unused(self, who: str) -> Verdict:
        """Say what is left to a user and app, without counting a request."""
        with self._lock:
            requester = self._requesters.setdefault(who, _Requester())
            self._forget(requester)
            verdict = self._verdict(requester, None, False)
            return replace(verdict, remaining=0) if self._clock() < requester.penalty_until else verdict

    def _forget(self, requester: _Requester) -> None:
        for times in (requester.admitted, requester.arrived):
            while times and times[0] <= self._clock() - self._window:
                times.popleft()

    def _verdict(self, requester: _Requester, retry_after: int | None, inside: bool) -> Verdict:
        remaining = 0 if retry_after is not None else self._limit - len(requester.admitted)
        arrived = len(requester.arrived)
        return Verdict(self._group, self._limit, remaining, self._window, retry_after, inside, arrived)
