"""The quota: a sliding window of requests, and a penalty for clients that exceed it."""

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
class QuotaDecision:
    """The decision about one request.

    :param retry_after: whole seconds; ``None``: the request is admitted.
    :param in_window: requests in the current quota window, this one and refused ones included.
    """

    group: str
    limit: int
    remaining: int
    window: float
    retry_after: int | None
    inside_penalty: bool
    in_window: int

    @property
    def is_admitted(self) -> bool:
        """Whether the request is admitted."""
        return self.retry_after is None

    def headers(self, sent: frozenset[str]) -> Iterator[tuple[str, str]]:
        """Yield the quota headers whose names are in ``sent``."""
        values = {
            GROUP_HEADER: self.group,
            LIMIT_HEADER: str(self.limit),
            REMAINING_HEADER: str(self.remaining),
            WINDOW_HEADER: f"{self.window:g}",
        }
        if self.retry_after is not None:
            values[RETRY_HEADER] = str(self.retry_after)
        yield from ((name, value) for name, value in values.items() if name in sent)


class _Usage:
    def __init__(self) -> None:
        self.admitted: deque[float] = deque()
        self.arrived: deque[float] = deque()
        self.penalty_until = -math.inf


class Quota:
    """One usage group; ``window`` and ``penalty`` are seconds, ``clock`` returns seconds since the epoch."""

    def __init__(self, group: str, limit: int, window: float, penalty: float, clock: Callable[[], float]) -> None:
        self._group, self._limit, self._window, self._penalty = group, limit, window, penalty
        self._clock = clock
        self._lock = Lock()
        self._usages: dict[str, _Usage] = {}

    def admit(self, user: str) -> QuotaDecision:
        """Count one request of a user and app, and decide whether it is admitted."""
        with self._lock:
            now = self._clock()
            usage = self._current_usage(user, now)
            usage.arrived.append(now)
            inside_penalty = now < usage.penalty_until
            if inside_penalty or len(usage.admitted) >= self._limit:
                usage.penalty_until = now + self._penalty
                return self._decision(usage, math.ceil(self._penalty), inside_penalty)
            usage.admitted.append(now)
            return self._decision(usage, None, False)

    def peek(self, user: str) -> QuotaDecision:
        """Return the quota of a user and app without counting a request."""
        with self._lock:
            now = self._clock()
            usage = self._current_usage(user, now)
            decision = self._decision(usage, None, False)
            return replace(decision, remaining=0) if now < usage.penalty_until else decision

    def _current_usage(self, user: str, now: float) -> _Usage:
        usage = self._usages.setdefault(user, _Usage())
        for times in (usage.admitted, usage.arrived):
            while times and times[0] <= now - self._window:
                times.popleft()
        return usage

    def _decision(self, usage: _Usage, retry_after: int | None, inside_penalty: bool) -> QuotaDecision:
        remaining = 0 if retry_after is not None else self._limit - len(usage.admitted)
        in_window = len(usage.arrived)
        return QuotaDecision(self._group, self._limit, remaining, self._window, retry_after, inside_penalty, in_window)
