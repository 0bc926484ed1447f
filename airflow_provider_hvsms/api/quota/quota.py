"""When the next request may leave.

Past the limit the service answers 429 and shuts the caller out for a penalty, which every further request starts anew
(RingCentral: rate limits). So a request leaves here only when the headers, and what this process sent since, leave room
for it, and none leaves during a penalty.
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

from airflow_provider_hvsms.api.errors import QuotaExceeded
from airflow_provider_hvsms.api.fork import renew_after_fork
from airflow_provider_hvsms.api.headers import number, retry_after
from airflow_provider_hvsms.api.quota.limiter import Permit, RateLimit

log = logging.getLogger(__name__)

DEFAULT_PENALTY = 60.0
"""Seconds out after a 429 that has no `Retry-After`: the usual penalty, and above the 30 that the service asks for."""

MIN_PENALTY = 30.0
"""Seconds out after a 429 whose `Retry-After` is 0, or a date: its clock may differ from ours."""

_WORTH_TELLING = 1.0


class UsageGroup(enum.Enum):
    """Calls that the service counts together (RingCentral: x-throttling-group)."""

    LIGHT = "light"
    """All reads of the message store."""
    AUTH = "auth"
    """Logins and revocations."""


class Quota:
    """The quota of one user and app, shared by all threads of the process.

    :param share: the part of the reads' quota that may be used up, above 0 and up to 1; the rest stays free for other
        applications. What they use counts too, but one request a window leaves in any case.
    :param clock: seconds that only go forward.
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
        self._told_penalty = -math.inf
        self._told_pace = False
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Forget the requests of the process before, which has them answered; a penalty holds here too."""
        self._changed = threading.Condition()
        self._limits = {
            UsageGroup.LIGHT: RateLimit(share=self._share, uniform=self._uniform),
            UsageGroup.AUTH: RateLimit(uniform=self._uniform),
        }

    @contextmanager
    def turn(self, group: UsageGroup, *, max_wait: float = math.inf) -> Iterator[Permit]:
        """Wait until a request of this group may leave; the request is sent, and answered, inside the block.

        :param max_wait: seconds that it may take; without a limit by default.
        :raises QuotaExceeded: it would take longer. Nothing was waited, and nothing is to be sent.
        """
        turn = Permit()
        self._wait_and_take(turn, group, max_wait)
        try:
            yield turn
        finally:
            with self._changed:
                now = self._clock()
                self._limits[group].learn(turn, now)
                self._note_penalty(turn, group, now)
                self._changed.notify_all()

    def has_room(self, group: UsageGroup) -> bool:
        """Whether a request of this group could leave this moment."""
        with self._changed:
            now = self._clock()
            return max(self._limits[group].free_at(now), self._penalty_ends(group)) <= now

    def penalty_ends_at(self, group: UsageGroup) -> datetime:
        """When the penalty of a group ends, in UTC; in the past if there is none."""
        with self._changed:
            left = max(0.0, self._penalty_ends(group) - self._clock())
        return datetime.now(UTC) + timedelta(seconds=left)

    def rate(self, group: UsageGroup) -> float:
        """Requests of this group that may leave in a second; infinity while no limit is known."""
        with self._changed:
            return self._limits[group].usable / self._limits[group].window

    def _wait_and_take(self, turn: Permit, group: UsageGroup, max_wait: float) -> None:
        while True:
            with self._changed:
                limit = self._limits[group]
                now = self._clock()
                penalty_ends = self._penalty_ends(group)
                free_at = max(limit.free_at(now), penalty_ends)
                if free_at <= now:
                    limit.take(turn, now)
                    return
                if free_at - now > max_wait - turn.waited:
                    raise QuotaExceeded(_too_long(free_at - now, is_penalty=free_at == penalty_ends))
                if free_at == math.inf:
                    self._changed.wait()
                    continue
                self._tell_once(free_at, now, limit, is_penalty=free_at == penalty_ends)
            self._sleep(free_at - now)
            turn.waited += self._clock() - now

    def _note_penalty(self, turn: Permit, group: UsageGroup, now: float) -> None:
        if turn.status != HTTPStatus.TOO_MANY_REQUESTS:
            return
        ends = self._limits[group].refused(turn, now, _penalty(turn.headers))
        self._penalties[group] = max(self._penalties[group], ends)

    def _penalty_ends(self, group: UsageGroup) -> float:
        """A penalty of the reads holds logins back too, as they would only lead to more reads."""
        return max(self._penalties[group], self._penalties[UsageGroup.LIGHT])

    def _tell_once(self, free_at: float, now: float, limit: RateLimit, *, is_penalty: bool) -> None:
        if is_penalty:
            if free_at != self._told_penalty:
                log.warning(
                    "Waiting %.0f s: the service answered 429, and a request inside its penalty would restart it.",
                    free_at - now,
                )
            self._told_penalty = free_at
        elif not self._told_pace and free_at - now >= _WORTH_TELLING:
            log.info(
                "Waiting %.1f s for quota: of the %d requests in %g s, %d are used by this process and %d by others. "
                "Further waits for quota are only counted.",
                free_at - now, limit.limit, limit.window, len(limit.turns), limit.others,
            )  # fmt: skip
            self._told_pace = True


def _penalty(headers: Mapping[str, str]) -> float:
    """Seconds out after a 429."""
    if seconds := number(headers, "Retry-After"):
        return seconds
    asked = retry_after(headers)
    return DEFAULT_PENALTY if asked is None else max(MIN_PENALTY, asked)


def _too_long(seconds: float, *, is_penalty: bool) -> str:
    if seconds == math.inf:
        return "Whether the quota has room is not known before a request under way is answered: try again then."
    until = f"{datetime.now(UTC) + timedelta(seconds=seconds):%H:%M:%S} UTC"
    if is_penalty:
        return (
            f"A penalty is on until {until}: the service answered 429, and a request before then would restart it. "
            "Try again then."
        )
    return f"The quota of this user and app is used up until {until}: try again then."
