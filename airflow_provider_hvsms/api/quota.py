"""When the next request may leave.

The service counts the requests of a user and app over a sliding window and tells in each answer's headers how many
are left; a request without these headers is not limited (RingCentral: rate limits). Past the limit it answers 429 and
shuts the caller out for a penalty, which every further request starts anew. So a request leaves here only when the
headers, and what this process sent since, leave room for it, and none leaves during a penalty.
"""

from __future__ import annotations

import email.utils
import enum
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus

log = logging.getLogger(__name__)

DEFAULT_WINDOW = 60.0
"""Seconds, while no answer has named another window (RingCentral: rate limits)."""

DEFAULT_PENALTY = 60.0
"""Seconds out after a 429 that has no `Retry-After`: the usual penalty, and above the 30 that the service asks for."""

# Clocks differ, and `Retry-After` may be rounded down.
_PENALTY_MARGIN = 1.0
_WINDOW_MARGIN = 0.05

# What stays free for whoever else uses the same user and app.
_SHARE_LEFT_TO_OTHERS = 0.02


class UsageGroup(enum.Enum):
    """Calls that the service counts together (RingCentral: x-throttling-group)."""

    LIGHT = "light"
    """All reads of the message store."""
    AUTH = "auth"
    """Logins and revocations."""


class Turn:
    """One request's place in the count: taken when it leaves, kept until the window has passed since its answer."""

    def __init__(self) -> None:
        self.waited = 0.0
        """Seconds spent waiting for this turn."""
        self.answered_at: float | None = None
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Note the answer, whose headers say what is left."""
        self.status = status
        self.headers = headers


class Quota:
    """The quota of one user and app, shared by all threads of the process.

    :param clock: seconds that only go forward.
    :param sleep: waits the given seconds.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._changed = threading.Condition()
        self._counts = {group: _Count() for group in UsageGroup}
        self._penalty_ends = -math.inf
        self._told_penalty = -math.inf
        self._told_pace = False

    @contextmanager
    def turn(self, group: UsageGroup) -> Iterator[Turn]:
        """Wait until a request of this group may leave; the request is sent, and answered, inside the block."""
        turn = Turn()
        self._wait_and_take(turn, group)
        try:
            yield turn
        finally:
            with self._changed:
                now = turn.answered_at = self._clock()
                self._counts[group].learn(turn, now)
                self._note_penalty(turn, now)
                self._changed.notify_all()

    def has_room(self, group: UsageGroup) -> bool:
        """Whether a request of this group could leave this moment."""
        with self._changed:
            now = self._clock()
            return max(self._counts[group].free_at(now), self._penalty_ends) <= now

    def _wait_and_take(self, turn: Turn, group: UsageGroup) -> None:
        while True:
            with self._changed:
                count = self._counts[group]
                now = self._clock()
                free_at = max(count.free_at(now), self._penalty_ends)
                if free_at <= now:
                    count.turns.append(turn)
                    return
                if free_at == math.inf:
                    self._changed.wait()
                    continue
                self._tell_once(free_at, now, count)
            self._sleep(free_at - now)
            turn.waited += self._clock() - now

    def _note_penalty(self, turn: Turn, now: float) -> None:
        if turn.status != HTTPStatus.TOO_MANY_REQUESTS:
            return
        seconds = retry_after(turn.headers)
        ends = now + (DEFAULT_PENALTY if seconds is None else seconds) + _PENALTY_MARGIN
        self._penalty_ends = max(self._penalty_ends, ends)

    def _tell_once(self, free_at: float, now: float, count: _Count) -> None:
        if free_at == self._penalty_ends:
            if free_at != self._told_penalty:
                log.warning(
                    "Waiting %.0f s: the service answered 429, and a request inside its penalty would restart it.",
                    free_at - now,
                )
            self._told_penalty = free_at
        elif not self._told_pace:
            log.info(
                "Waiting %.1f s for quota: %d requests of the %d in %g s are used. "
                "Further waits for quota are only counted.",
                free_at - now,
                len(count.turns),
                count.limit,
                count.window,
            )
            self._told_pace = True


class _Count:
    """What is known of one group: its limit and window, our own requests within it, and an estimate of the others'."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.window = DEFAULT_WINDOW
        self.turns: list[Turn] = []
        self._heard = False
        self._others = 0
        self._others_until = -math.inf

    def free_at(self, now: float) -> float:
        """When a request may leave, as far as is known; infinity: not before one under way is answered."""
        self._forget_before(now)
        if not self._heard and self.turns:
            return math.inf
        if self.limit is None:
            return now
        others = self._others if now < self._others_until else 0
        usable = self.limit - int(self.limit * _SHARE_LEFT_TO_OTHERS)
        if len(self.turns) + others < usable:
            return now
        leaving = [self._leaves_at(turn) for turn in self.turns]
        if others:
            leaving.append(self._others_until)
        return min(leaving)

    def learn(self, turn: Turn, now: float) -> None:
        """Take in what the headers of an answer say; each of them may be missing."""
        self._heard = True
        self.window = _number(turn.headers, "X-Rate-Limit-Window") or self.window
        self._forget_before(now)
        remaining = _number(turn.headers, "X-Rate-Limit-Remaining")
        limit = _number(turn.headers, "X-Rate-Limit-Limit")
        if limit is not None and limit >= 1:
            self.limit = int(limit)
        elif remaining is not None:
            self.limit = len(self.turns) + int(remaining)
        elif self.limit is None and turn.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.limit = max(1, len(self.turns) - 1)
        if self.limit is not None and remaining is not None:
            self._others = max(0, self.limit - int(remaining) - len(self.turns))
            self._others_until = now + self.window + _WINDOW_MARGIN

    def _forget_before(self, now: float) -> None:
        self.turns = [turn for turn in self.turns if self._leaves_at(turn) > now]

    def _leaves_at(self, turn: Turn) -> float:
        return math.inf if turn.answered_at is None else turn.answered_at + self.window + _WINDOW_MARGIN


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for, given as a number or as a date; `None` without a usable one."""
    seconds = _number(headers, "Retry-After")
    if seconds is not None:
        return seconds
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("Retry-After", ""))
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        number = float(headers.get(name, ""))
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
