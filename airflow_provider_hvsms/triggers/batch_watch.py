"""One watcher for all that waits for batches with one connection in one process: one thread, one login, one quota."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from airflow_provider_hvsms.api.batch_lookup import COMPLETED, BatchLookup
from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import FinalError, HvsmsError, InvalidRequest
from airflow_provider_hvsms.api.filters import BatchFilter
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.api.window import Window

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 300.0
"""Seconds between two tries while the service is down."""

_TOGETHER = 0.1
"""Share of an interval by which a look may come early, so that one poll serves all and ends in time."""

_GATHERING = 0.2
"""Seconds before the first look at most, for others that begin at the same time."""

_KNOWN_UNFINISHED = frozenset({"Queued", "Processing", "Sent"})


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How waiting ended: with the batches completed, or with the reason why they never will be seen to be."""

    batches: tuple[Batch, ...] = ()
    failure: str | None = None


@dataclasses.dataclass(frozen=True)
class PollInterval:
    """Seconds between two looks at a batch.

    :param longest: let the interval double after each look, up to this; `None`: it stays.
    """

    first: float
    longest: float | None = None

    def after(self, looks: int) -> float:
        """The pause after so many looks."""
        if self.longest is None:
            return self.first
        return min(self.longest, self.first * 2.0 ** min(looks, 60))


class Member:
    """Someone for whom the watch looks at batches again and again.

    :param interval: between two looks.
    """

    def __init__(self, interval: PollInterval) -> None:
        self.interval = interval
        self.due = 0.0
        self._looks = 0

    def is_due_with(self, now: float) -> bool:
        """Whether it is so nearly due that it can go along with what is due now."""
        return self.due <= now + _TOGETHER * self.interval.first

    def looked(self, began: float, ended: float) -> None:
        """Plan the next look so that it ends within an interval of this one's beginning.

        So a completion is known within one interval, also when looking takes a while.
        """
        pause = self.interval.after(self._looks)
        self.due = began + max(pause / 2, (1 - _TOGETHER) * pause - (ended - began))
        self._looks += 1

    def fail(self, reason: str) -> None:
        """Be told that there will be no more looks."""
        raise NotImplementedError


class Wait(Member):
    """One trigger's wait for some batches.

    :param tell: called once, from the watch's thread, when the wait is over.
    """

    def __init__(self, batch_ids: Collection[str], interval: PollInterval, tell: Callable[[Outcome], None]) -> None:
        super().__init__(interval)
        self.pending = set(batch_ids)
        self.completed: dict[str, Batch] = {}
        self._order = tuple(dict.fromkeys(batch_ids))
        self._tell = tell

    def fail(self, reason: str) -> None:
        self._tell(Outcome(failure=reason))

    def succeed(self) -> None:
        """Be told that all are completed."""
        self._tell(Outcome(batches=tuple(self.completed[batch_id] for batch_id in self._order)))


class Follow(Member):
    """One stream that follows all batches created of late.

    :param reach: how long ago a batch may have been created to be seen.
    :param show: called from the watch's thread, after each look, with those that are completed.
    :param fail: called once, if there will be no more looks.
    """

    def __init__(
        self,
        wanted: BatchFilter,
        reach: timedelta,
        interval: PollInterval,
        *,
        show: Callable[[list[Batch]], None],
        fail: Callable[[str], None],
    ) -> None:
        super().__init__(interval)
        self._wanted = wanted
        self._reach = reach
        self._show = show
        self._fail = fail

    def look(self, client: MessageStoreClient) -> None:
        now = datetime.now(UTC)
        pages = client.batch_pages(Window(now - self._reach, now), self._wanted, on_invalid="quarantine")
        self._show([batch for page in pages for batch in page.records if batch.status == COMPLETED])

    def fail(self, reason: str) -> None:
        self._fail(reason)


class Connect(Protocol):
    """Makes the watcher's client; called in its thread."""

    def __call__(self) -> MessageStoreClient: ...


class BatchWatch:
    """Looks at batches for all its members, each at its interval, with as few requests as can be.

    While the service is down it goes on trying with growing pauses and says so once; no member is lost. Credentials
    that are refused end it for all, a batch that is not there ends the waits for it.

    :param clock: seconds that only go forward.
    """

    def __init__(self, connect: Connect, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect
        self._clock = clock
        self._changed = threading.Condition()
        self._members: dict[Member, None] = {}
        self._running = False
        self._ended = False
        self._asleep = False
        self._failures = 0
        self._unseen_statuses: set[str] = set()

    def join(self, member: Member) -> bool:
        """Add a member, unless the watch has ended already; the first one starts it."""
        with self._changed:
            if self._ended:
                return False
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="hvsms-batch-watch", daemon=True).start()
            member.due = self._clock() + min(_GATHERING, member.interval.first)
            self._members[member] = None
            self._wake()
        return True

    def leave(self, member: Member) -> None:
        """Take a member out; the last one ends the watch and its session."""
        with self._changed:
            self._members.pop(member, None)
            self._wake()

    def _wake(self) -> None:
        # Once is enough: a thousand triggers that begin at once must not hand the lock to and fro.
        if self._asleep:
            self._asleep = False
            self._changed.notify()

    def _run(self) -> None:
        try:
            with self._connect() as client:
                lookup = BatchLookup(client)
                while due := self._wait_until_due():
                    self._poll(client, lookup, due)
        except FinalError as error:
            self._end_all(str(error))
        except Exception as error:
            # Whatever it is: a member that nobody looks after would wait for ever.
            log.exception("The watch for batches broke.")
            self._end_all(f"The watch for batches broke: {type(error).__name__}: {error}")

    def _wait_until_due(self) -> list[Member]:
        with self._changed:
            while self._members:
                now = self._clock()
                next_due = min(member.due for member in self._members)
                if next_due <= now:
                    return [member for member in self._members if member.is_due_with(now)]
                self._asleep = True
                self._changed.wait(next_due - now)
                self._asleep = False
            self._ended = True
            return []

    def _poll(self, client: MessageStoreClient, lookup: BatchLookup, due: list[Member]) -> None:
        began = self._clock()
        try:
            self._look_at_waits(lookup, [member for member in due if isinstance(member, Wait)])
            for member in due:
                if isinstance(member, Follow):
                    self._look_for(member, client)
        except FinalError:
            raise
        except HvsmsError as error:
            self._pause(due, error)
            return
        self._note_recovery()
        for member in due:
            member.looked(began, self._clock())

    def _look_for(self, follow: Follow, client: MessageStoreClient) -> None:
        try:
            follow.look(client)
        except InvalidRequest as error:
            self.leave(follow)
            follow.fail(str(error))

    def _look_at_waits(self, lookup: BatchLookup, waits: list[Wait]) -> None:
        found = lookup.look({batch_id for wait in waits for batch_id in wait.pending})
        for wait in waits:
            self._settle(wait, found)

    def _settle(self, wait: Wait, found: Mapping[str, Batch | FinalError]) -> None:
        for batch_id in sorted(wait.pending):
            batch = found[batch_id]
            if not isinstance(batch, Batch):
                self.leave(wait)
                wait.fail(str(batch))
                return
            if batch.status == COMPLETED:
                wait.completed[batch_id] = batch
                wait.pending.remove(batch_id)
            else:
                self._note_status(batch)
        if not wait.pending:
            self.leave(wait)
            wait.succeed()

    def _pause(self, due: list[Member], error: HvsmsError) -> None:
        if not self._failures:
            log.warning("The batches cannot be looked at now, and will be as soon as it is possible again: %s", error)
        self._failures += 1
        pause = min(_LONGEST_PAUSE, min(member.interval.first for member in due) * 2.0 ** min(self._failures, 60))
        for member in due:
            member.due = self._clock() + pause

    def _note_recovery(self) -> None:
        if self._failures:
            log.info("The batches can be looked at again.")
        self._failures = 0

    def _note_status(self, batch: Batch) -> None:
        if batch.status not in _KNOWN_UNFINISHED and str(batch.status) not in self._unseen_statuses:
            self._unseen_statuses.add(str(batch.status))
            log.warning("Batch %s has the status %r, which is new here: waiting on.", batch.id, batch.status)

    def _end_all(self, reason: str) -> None:
        with self._changed:
            self._ended = True
            members, self._members = list(self._members), {}
        for member in members:
            member.fail(reason)


_watches: dict[str, BatchWatch] = {}
_joining = threading.Lock()


def join_watch(hvsms_conn_id: str, member: Member, connect: Connect) -> BatchWatch:
    """Add a member to the connection's watch in this process. A wait leaves by itself when it is over."""
    with _joining:
        watch = _watches.get(hvsms_conn_id)
        if watch is None or not watch.join(member):
            watch = _watches[hvsms_conn_id] = BatchWatch(connect)
            watch.join(member)
        return watch
