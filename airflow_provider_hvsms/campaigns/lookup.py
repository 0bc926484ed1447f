"""The batch of a part is looked for when no answer says whether it was created."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import TransientError
from airflow_provider_hvsms.api.filters import BatchFilter
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.campaigns.ledger import LedgerEntry
from airflow_provider_hvsms.campaigns.match import CLOCK_DIFFERENCE, ComparedBatch, Match, PartMatcher
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.campaigns.part_record import noting_time

log = logging.getLogger(__name__)

DEFAULT_LOOKUP_TIME = timedelta(minutes=10)
"""How soon the service lists a new batch is not documented."""

MIN_LOOKS = 3
"""Looks that succeeded, before it is sure that nothing was created."""

_FIRST_PAUSE = 5.0
_MAX_PAUSE = 120.0
_PAUSE_AT_THE_END = 10.0

_MAX_FAILURES_AT_THE_END = 3
"""Looks that fail after the time is up, before the error is raised."""

_MAX_NAMED = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """The batch was created: exactly one matches, in two successive looks."""

    batch: Batch


@dataclasses.dataclass(frozen=True)
class NotCreated:
    """No batch of the sender can be the part's: it was not created."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Undecided:
    """A batch may be the part's, but it is not sure.

    :param candidates: the batches that may be.
    :param unreadable: batches in the list whose records cannot be read.
    """

    candidates: tuple[ComparedBatch, ...] = ()
    unreadable: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether further looks cannot change it: several batches match in full."""
        return sum(candidate.match is Match.COMPLETE for candidate in self.candidates) > 1

    def __str__(self) -> str:
        seen = [str(candidate) for candidate in self.candidates[:_MAX_NAMED]]
        if more := len(self.candidates) - len(seen):
            seen.append(f"{more:,} more batches")
        if self.unreadable:
            seen.append(f"{self.unreadable:,} batches whose records cannot be read")
        return "; ".join(seen)


Outcome = Found | NotCreated | Undecided


class OutcomeLookup:
    """Looks for the batch of a part: it finds it, finds out that it was not created, or says that it is not sure.

    It takes at least three looks at increasing intervals, the last of them when `lookup_time` has passed since the
    request left. Of the request of another try it is only known within which time after its intent it left. A batch
    that matches is taken as soon as a second look, 5 seconds later or more, shows no other one. Taking one early sends
    nothing, so it cannot send twice; the second look is there to notice an equal batch, of which it is not sure whose
    it is.

    A look that fails does not count. It is repeated while time remains, and three times after that.

    :param from_number: the sender.
    :param lookup_time: within which a request reaches the service and its batch is listed; 10 minutes by default.
    :param clock: the present, in seconds since 1970.
    :param sleep: waits the given seconds.
    """

    def __init__(
        self,
        client: MessageStoreClient,
        *,
        from_number: str,
        lookup_time: timedelta = DEFAULT_LOOKUP_TIME,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._wanted = BatchFilter(from_number=from_number)
        self._lookup_time = lookup_time
        self._listed_after = noting_time(lookup_time) + lookup_time
        self._clock = clock
        self._sleep = sleep

    def find(
        self, entry: LedgerEntry, part: Part, *, taken: Callable[[], Collection[str]] = tuple, own_clock: bool = False
    ) -> Outcome:
        """Look for the batch of a part.

        :param entry: what was intended.
        :param taken: returns the ids of batches that are known to be another part's; asked after each listing.
        :param own_clock: whether this process noted the intent, and its request has left. Another one's clock may
            differ, and its request may be about to leave, so that more time has to pass.
        :raises TransientError: too few looks succeeded.
        :raises PermanentError: the batches cannot be read.
        """
        deadline = self._deadline(entry, own_clock=own_clock)
        matcher = PartMatcher(self._client, part, size=entry.size)
        pause, looks, failures = _FIRST_PAUSE, 0, 0
        previous: Outcome | None = None
        while True:
            at_the_end = self._clock() >= deadline
            try:
                outcome = self._look(entry, matcher, taken)
            except TransientError as error:
                failures += at_the_end
                if failures > _MAX_FAILURES_AT_THE_END:
                    raise
                log.warning("Part %d: looking for its batch failed and is repeated. %s", entry.part, error)
            else:
                looks += 1
                if _is_final(outcome, previous, enough=at_the_end and looks >= MIN_LOOKS):
                    return outcome
                previous = outcome
            pause = self._wait(pause, deadline)

    def _deadline(self, entry: LedgerEntry, *, own_clock: bool) -> float:
        tolerance = timedelta() if own_clock else CLOCK_DIFFERENCE
        by_its_clock = (entry.intended_at + self._listed_after + tolerance).timestamp()
        # The intent was noted before now, whatever its clock says, and a request of this try has left.
        left = self._lookup_time if own_clock else self._listed_after
        return min(by_its_clock, self._clock() + left.total_seconds())

    def _wait(self, pause: float, deadline: float) -> float:
        """Pause until the next look, and return the pause after it."""
        left = deadline - self._clock()
        self._sleep(min(pause, left if left > 0 else _PAUSE_AT_THE_END))
        return min(2 * pause, _MAX_PAUSE)

    def _look(self, entry: LedgerEntry, matcher: PartMatcher, taken: Callable[[], Collection[str]]) -> Outcome:
        now = datetime.fromtimestamp(self._clock(), UTC)
        batches: list[Batch] = []
        unreadable = 0
        for page in self._client.batch_pages(self._window(entry, now), self._wanted, on_invalid="quarantine"):
            batches += page.records
            unreadable += len(page.rejects)
        known = frozenset(taken())
        compared = [matcher.compare(batch, now) for batch in batches if batch.id not in known]
        return _outcome(tuple(one for one in compared if one.match is not Match.NONE), unreadable)

    def _window(self, entry: LedgerEntry, now: datetime) -> Window:
        latest = min(now, entry.intended_at + self._listed_after)
        start = entry.first_intended_at - CLOCK_DIFFERENCE
        return Window(start, max(latest, entry.intended_at) + CLOCK_DIFFERENCE)


def _outcome(candidates: tuple[ComparedBatch, ...], unreadable: int) -> Outcome:
    complete = [candidate for candidate in candidates if candidate.match is Match.COMPLETE]
    # One of these may turn out to match as well.
    open_matches = [one for one in candidates if one.match in (Match.INCOMPLETE, Match.UNREADABLE)]
    if len(complete) == 1 and not open_matches and not unreadable:
        return Found(batch=complete[0].batch)
    if candidates or unreadable:
        return Undecided(candidates=candidates, unreadable=unreadable)
    return NotCreated()


def _is_final(outcome: Outcome, previous: Outcome | None, *, enough: bool) -> bool:
    """Whether a look is the last one.

    :param enough: whether the time is up and there were enough looks.
    """
    match outcome:
        case Found(batch=batch):
            return isinstance(previous, Found) and previous.batch.id == batch.id
        case Undecided():
            return enough or (outcome.is_settled and isinstance(previous, Undecided) and previous.is_settled)
        case NotCreated():
            return enough
