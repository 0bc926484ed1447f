"""The quota of one user and app, shared by all threads of the process.

Beyond the limit the service answers 429 and refuses all requests for a penalty, which every further request restarts
(RingCentral: rate limits). So a request is sent only if it fits into the limit, and never during a penalty.
"""

from __future__ import annotations

import enum
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import NamedTuple

from airflow_provider_hvsms.api.errors import QuotaExceeded
from airflow_provider_hvsms.api.fork import renew_after_fork
from airflow_provider_hvsms.api.headers import number, retry_after
from airflow_provider_hvsms.api.quota.contention import SharedLimiter
from airflow_provider_hvsms.api.quota.limiter import Limiter
from airflow_provider_hvsms.api.quota.permit import Permit

log = logging.getLogger(__name__)

DEFAULT_PENALTY = 60.0
"""Seconds after a 429 without `Retry-After`: the usual penalty, and above the 30 that the service asks for."""

MIN_PENALTY = 30.0
"""Seconds after a 429 whose `Retry-After` is 0, or a date: the clocks may differ."""

_MIN_LOGGED_WAIT = 1.0


class UsageGroup(enum.Enum):
    """Calls that the service counts together (RingCentral: x-throttling-group)."""

    LIGHT = "light"
    """All reads of the message store."""
    AUTH = "auth"
    """Logins and revocations."""


class QuotaLeft(NamedTuple):
    """What is left of a quota window, for all processes together.

    :param requests: how many may still be sent.
    :param limit: of how many.
    """

    requests: int
    limit: int


class Quota:
    """The quota of one user and app, shared by all threads of the process.

    Example::

        quota = Quota(share=0.5)
        with quota.permit(UsageGroup.LIGHT) as permit:
            answer = session.get(url)
            permit.answered(answer.status_code, answer.headers)

    :param share: the part of the reads' quota that may be used, above 0 and up to 1; the rest stays free for other
        applications. Their requests count too, but one request in a quota window is sent in any case.
    :param clock: monotonic seconds.
    :param sleep: waits the given seconds.
    :param uniform: a random number between two.
    """

    def __init__(
        self,
        *,
        share: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._share = share
        self._clock = clock
        self._sleep = sleep
        self._uniform = uniform
        self._penalties = dict.fromkeys(UsageGroup, -math.inf)
        self._logged_penalty = -math.inf
        self._has_logged_wait = False
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's requests, whose answers the parent gets; a penalty holds in the child too."""
        self._changed = threading.Condition()
        self._limiters: dict[UsageGroup, Limiter] = {
            UsageGroup.LIGHT: SharedLimiter(share=self._share, uniform=self._uniform),
            UsageGroup.AUTH: SharedLimiter(uniform=self._uniform),
        }

    @contextmanager
    def permit(self, group: UsageGroup, *, max_wait: float = math.inf) -> Iterator[Permit]:
        """Wait until a request of this group may be sent; the request is sent, and answered, inside the block.

        :param max_wait: seconds; without a limit by default.
        :raises QuotaExceeded: the wait would be longer. Nothing was waited, and the request must not be sent.
        """
        permit = Permit()
        self._wait_and_send(permit, group, max_wait)
        try:
            yield permit
        finally:
            with self._changed:
                now = self._clock()
                self._limiters[group].answered(permit, now)
                if permit.status == HTTPStatus.TOO_MANY_REQUESTS:
                    ends = self._limiters[group].refused(permit, now, _penalty(permit.headers))
                    self._penalties[group] = max(self._penalties[group], ends)
                self._changed.notify_all()

    def has_room(self, group: UsageGroup) -> bool:
        """Whether a request of this group may be sent now."""
        with self._changed:
            now = self._clock()
            return max(self._limiters[group].next_at(now), self._penalty_ends(group)) <= now

    def penalty_ends_at(self, group: UsageGroup) -> datetime:
        """When the penalty of a group ends, in UTC; not in the future if there is none."""
        with self._changed:
            left = max(0.0, self._penalty_ends(group) - self._clock())
        return datetime.now(UTC) + timedelta(seconds=left)

    def rate(self, group: UsageGroup) -> float:
        """Requests of this group that may be sent in a second, on average; infinity while no limit is known."""
        with self._changed:
            return self._limiters[group].usable / self._limiters[group].window

    def left(self, group: UsageGroup) -> QuotaLeft | None:
        """What is left of the quota of a group, as far as the answers tell; `None` while no limit is known."""
        with self._changed:
            limiter = self._limiters[group]
            left = limiter.left(self._clock())
            return None if left is None or limiter.limit is None else QuotaLeft(left, limiter.limit)

    def _wait_and_send(self, permit: Permit, group: UsageGroup, max_wait: float) -> None:
        while True:
            with self._changed:
                limiter = self._limiters[group]
                now = self._clock()
                penalty_ends = self._penalty_ends(group)
                next_at = max(limiter.next_at(now), penalty_ends)
                if next_at <= now:
                    limiter.sent(permit, now)
                    return
                if next_at - now > max_wait - permit.waited:
                    raise QuotaExceeded(_too_long(next_at - now, is_penalty=next_at == penalty_ends))
                if next_at == math.inf:
                    self._changed.wait()
                    continue
                if next_at == penalty_ends:
                    self._log_penalty(next_at, now)
                else:
                    self._log_wait(next_at - now, limiter)
            self._sleep(next_at - now)
            permit.waited += self._clock() - now

    def _penalty_ends(self, group: UsageGroup) -> float:
        """A penalty of the reads delays logins too, as they would only lead to more reads."""
        return max(self._penalties[group], self._penalties[UsageGroup.LIGHT])

    def _log_penalty(self, ends: float, now: float) -> None:
        if ends != self._logged_penalty:
            log.warning(
                "Waiting %.0f s: the service answered 429, and a request inside its penalty would restart it.",
                ends - now,
            )
            self._logged_penalty = ends

    def _log_wait(self, seconds: float, limiter: Limiter) -> None:
        if seconds >= _MIN_LOGGED_WAIT and not self._has_logged_wait:
            log.info(
                "Waiting %.1f s for quota: of the %d requests in %g s, %d are used by this process and %d by others. "
                "Further waits for quota are only counted.",
                seconds, limiter.limit, limiter.window, limiter.ours, limiter.others,
            )  # fmt: skip
            self._has_logged_wait = True


def _penalty(headers: Mapping[str, str]) -> float:
    """The seconds in which no request may be sent after a 429."""
    if seconds := number(headers, "Retry-After"):
        return seconds
    requested = retry_after(headers)
    return DEFAULT_PENALTY if requested is None else max(MIN_PENALTY, requested)


def _too_long(seconds: float, *, is_penalty: bool) -> str:
    if seconds == math.inf:
        return "Whether the quota has room is unknown until a request in flight is answered: try again then."
    until = f"{datetime.now(UTC) + timedelta(seconds=seconds):%H:%M:%S} UTC"
    if is_penalty:
        return (
            f"A penalty is on until {until}: the service answered 429, and a request before then would restart it. "
            "Try again then."
        )
    return f"The quota of this user and app is used up until {until}: try again then."
