"""What is known of one limit, and when the next request fits into it.

The service counts the requests of a user and app over a sliding window and tells in each answer's headers how many
are left; a request without these headers is not limited (RingCentral: rate limits).

A process that is alone uses what there is. Where an answer counts requests that are not ours, other processes use the
limit too, and all that they know of each other is what is left. So that together they neither go past it nor leave
much of it unused, each of them then keeps to four rules:

1. A part is kept free: enough for each of them to send one request on the same knowledge.
2. A request may take the place of one that has just left the window, which leaves their sum as it is.
3. For any other free place a request waits: the longer, the fewer there are.
4. Some places are given up when they come free, so that newcomers find one.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Mapping
from http import HTTPStatus

from airflow_provider_hvsms.api.headers import number

DEFAULT_WINDOW = 60.0
"""Seconds, while no answer has named another window (RingCentral: rate limits)."""

# Clocks differ, and `Retry-After` may be rounded down.
_WINDOW_MARGIN = 0.05
_PENALTY_MARGIN = 1.0

# Shares of the limit.
_KEPT_FREE_ALONE = 0.02
_KEPT_FREE_IN_COMPANY = 0.08
_MAX_KEPT_FREE = 0.32
_ROOM_ON_OLD_KNOWLEDGE = 0.04

# Shares of the window.
_FRESH = 0.02
_OLD = 0.2
_REPLACEABLE = 0.3
_WAIT_FOR_THE_LAST_PLACE = 0.2
_COMPANY_REMEMBERED = 2.0

_MAX_IN_A_ROW = 3

_GIVEN_UP = 0.15
"""The share of places that are not taken again (rule 4)."""


@dataclasses.dataclass(eq=False)
class Permit:
    """One request's place in the count: taken when it leaves, kept until the window has passed since its answer."""

    waited: float = 0.0
    """Seconds spent waiting for this turn."""
    taken_at: float = 0.0
    answered_at: float | None = None
    status: int | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Note the answer, whose headers say what is left."""
        self.status = status
        self.headers = headers


class RateLimit:
    """One usage group's limit, as far as it is known. All times are of one clock, in seconds.

    :param share: the part of the limit that may be used up, above 0 and up to 1. What others use counts too.
    :param uniform: a random number between two.
    """

    def __init__(self, *, share: float = 1.0, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self.limit: int | None = None
        self.window = DEFAULT_WINDOW
        self.turns: list[Permit] = []
        self._share = share
        self._uniform = uniform
        self._heard = False
        self._told_at = -math.inf
        self._told_of = -math.inf
        self._taken_at = -math.inf
        self.others = 0
        """Requests of the window that are not ours, as the last answer told."""
        self._company_until = -math.inf
        self._replaceable_until: list[float] = []
        self._patience = 1.0
        self._refused_at = -math.inf
        self._refusals = 0
        self._refusals_in_a_row = 0

    @property
    def usable(self) -> float:
        """Requests that may be in a window; infinity while no limit is known."""
        return math.inf if self.limit is None else max(1, int(self.limit * self._share))

    def free_at(self, now: float) -> float:
        """When a request may leave, as far as is known; infinity: not before one under way is answered."""
        self._forget_before(now)
        if not self._heard:
            return math.inf if self.turns else now
        if self.limit is None:
            return now
        if now < self._company_until:
            return self._free_in_company(now)
        return now if len(self.turns) < self.usable - self._kept_free(_KEPT_FREE_ALONE) else self._next_leaves_at()

    def take(self, turn: Permit, now: float) -> None:
        """Count a request that leaves."""
        turn.taken_at = self._taken_at = now
        self.turns.append(turn)
        self._patience = self._uniform(0.5, 1.5)
        if self._replaceable_until:
            self._replaceable_until.pop(0)

    def learn(self, turn: Permit, now: float) -> None:
        """Take in what the headers of an answer say; each of them may be missing."""
        self._heard = True
        turn.answered_at = now
        self.window = number(turn.headers, "X-Rate-Limit-Window") or self.window
        self._forget_before(now)
        remaining = number(turn.headers, "X-Rate-Limit-Remaining")
        limit = number(turn.headers, "X-Rate-Limit-Limit")
        if limit is not None and limit >= 1:
            self.limit = int(limit)
        elif remaining is not None:
            self.limit = len(self.turns) + int(remaining)
        elif self.limit is None and turn.status == HTTPStatus.TOO_MANY_REQUESTS and len(self.turns) > 2:
            self.limit = len(self.turns) - 1
        if turn.status is not None and turn.status < HTTPStatus.BAD_REQUEST:
            self._refusals_in_a_row = 0
            self._told_at = now
            self._told_of = turn.taken_at
            if remaining is not None:
                self._note_remaining(int(remaining), now)

    def refused(self, turn: Permit, now: float, penalty: float) -> float:
        """Note a 429, and return when requests may leave again.

        Where others use the limit too, the next of theirs still comes within the penalty and starts it anew. So a
        second penalty is waited, half as long again at random, so that not all come back at once.

        :param penalty: seconds.
        """
        ends = now + penalty + _PENALTY_MARGIN
        if turn.taken_at >= self._refused_at:
            self._refusals += 1
            self._refusals_in_a_row += 1
        self._refused_at = now
        if now < self._company_until or len(self.turns) < (self.limit or 1):
            in_a_row = min(_MAX_IN_A_ROW, self._refusals_in_a_row)
            ends += min(penalty, self.window) * self._uniform(1.0, 1.5) * in_a_row
            self._told_at = -math.inf
            self._replaceable_until = []
            self._company_until = max(self._company_until, ends + _COMPANY_REMEMBERED * self.window)
        return ends

    def _note_remaining(self, remaining: int, now: float) -> None:
        used = (self.limit or 0) - remaining
        if used > len(self.turns):
            self._company_until = max(self._company_until, now + _COMPANY_REMEMBERED * self.window)
        if now >= self._company_until:
            self.others = self._refusals = 0
            return
        # The service may have counted what left later than this request, or not.
        self.others = max(0, used - (len(self.turns) - self._sent_since_told()))

    def _free_in_company(self, now: float) -> float:
        under_way = any(turn.answered_at is None for turn in self.turns)
        forgotten_at = self._told_at + self.window + _WINDOW_MARGIN
        if now >= forgotten_at:
            if under_way:
                return math.inf
            return now if len(self.turns) < self.usable else self._next_leaves_at()
        moments = [forgotten_at, self._next_leaves_at()]
        if not (under_way and now - self._told_at > _OLD * self.window):
            leaves_at = self._leaves_into_room_at(now)
            if leaves_at <= now:
                return now
            moments.append(leaves_at)
        return min(moments)

    def _leaves_into_room_at(self, now: float) -> float:
        """When a request may take one of the free places; infinity: none is known of."""
        room = self._room()
        if room <= 0:
            return math.inf
        leaves_at = now
        if not self._replaceable_until:
            our_part = len(self.turns) / max(1, len(self.turns) + self.others)
            leaves_at = self._taken_at + _WAIT_FOR_THE_LAST_PLACE * our_part * self.window / room * self._patience
        is_old = max(now, leaves_at) - self._told_at > _FRESH * self.window
        return math.inf if is_old and room <= math.ceil((self.limit or 0) * _ROOM_ON_OLD_KNOWLEDGE) else leaves_at

    def _room(self) -> float:
        """Free places, without those that others are likely to have taken since the last answer."""
        ours, since = len(self.turns), self._sent_since_told()
        theirs_since = math.ceil(since * self.others / max(1, ours - since))
        kept = self._kept_free(min(_MAX_KEPT_FREE, _KEPT_FREE_IN_COMPANY * (1 + self._refusals)))
        return self.usable - kept - ours - self.others - theirs_since

    def _kept_free(self, share: float) -> int:
        """What the share of the quota leaves to others is kept free anyway."""
        limit = self.limit or 0
        kept = int(limit * share) if share == _KEPT_FREE_ALONE else math.ceil(limit * share)
        return max(0, kept - (limit - int(self.usable)))

    def _sent_since_told(self) -> int:
        return sum(turn.taken_at > self._told_of for turn in self.turns)

    def _next_leaves_at(self) -> float:
        return min(map(self._leaves_at, self.turns), default=math.inf)

    def _forget_before(self, now: float) -> None:
        if self._next_leaves_at() <= now:
            gone = [turn for turn in self.turns if self._leaves_at(turn) <= now]
            self.turns = [turn for turn in self.turns if self._leaves_at(turn) > now]
            if now < self._company_until:
                replaceable = [turn for turn in gone if self._uniform(0.0, 1.0) >= _GIVEN_UP]
                self._replaceable_until += [self._leaves_at(turn) + _REPLACEABLE * self.window for turn in replaceable]
        self._replaceable_until = [until for until in self._replaceable_until if until > now]

    def _leaves_at(self, turn: Permit) -> float:
        return math.inf if turn.answered_at is None else turn.answered_at + self.window + _WINDOW_MARGIN
