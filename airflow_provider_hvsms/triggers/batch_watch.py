"""One watch for all that wait for batches with one connection in one process: one thread, one login, one quota."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping

from airflow_provider_hvsms.api.batch_lookup import COMPLETED, BatchLookup
from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import HvsmsError, LoginRefused, PermanentError
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.hooks.client_settings import ClientSettings

log = logging.getLogger(__name__)

_MAX_PAUSE = 300.0
"""Seconds between two attempts while the service is down."""

_GATHERING = 0.2
"""Seconds before the first look at most, for others that begin at the same time."""

_MAX_DELAY = 0.1
"""Share of its interval by which a look may come late without moving the next one."""

_ROUNDING = 1e-6
"""Share of an interval that is taken for a rounding error."""

_KNOWN_UNFINISHED = frozenset({"Queued", "Processing", "Sent"})


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How waiting ended: with the batches completed, or with the reason why they never will be seen to be.

    :param connection_in_doubt: whether the connection may have been corrected since the wait began.
    """

    batches: tuple[Batch, ...] = ()
    failure: str | None = None
    connection_in_doubt: bool = False


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


class Wait:
    """One trigger's wait for some batches.

    :param interval: between two looks.
    :param finish: called once, from the watch's thread, when the wait is over.
    """

    def __init__(self, batch_ids: Collection[str], interval: PollInterval, finish: Callable[[Outcome], None]) -> None:
        self.interval = interval
        self.finish = finish
        self.due = 0.0
        self.looks = 0
        self.pending = set(batch_ids)
        self.completed: dict[str, Batch] = {}
        self._order = tuple(dict.fromkeys(batch_ids))

    def plan(self, looked_at: float, epoch: float) -> None:
        """Plan the next look: an interval later or more, when all waits with this interval are looked at.

        So a thousand waits that began at different times cost one poll an interval, and none costs more.

        :param looked_at: when this look began, in seconds of the watch's clock.
        :param epoch: the time from which intervals are counted.
        """
        began = self.due if looked_at - self.due < _MAX_DELAY * self.interval.first else looked_at
        intervals = (began + self.interval.after(self.looks) - epoch) / self.interval.first
        self.due = epoch + math.ceil(intervals - _ROUNDING) * self.interval.first
        self.looks += 1

    def succeed(self) -> None:
        """End the wait: all batches are completed."""
        self.finish(Outcome(batches=tuple(self.completed[batch_id] for batch_id in self._order)))


class BatchWatch:
    """Looks at batches for all waits, for each at its interval, with as few requests as can be.

    While the service is down it goes on trying with growing pauses and says so once; no wait is lost. Credentials
    that are refused end it for all, a batch that is not there ends the waits for it.

    :param connect: makes the client; called in the watch's thread.
    :param clock: seconds that only go forward.
    """

    def __init__(
        self, connect: Callable[[], MessageStoreClient], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._epoch = clock()
        self._changed = threading.Condition()
        self._waits: dict[Wait, None] = {}
        self._running = False
        self.ended = False
        self._asleep = False
        self._failures = 0
        self._unseen_statuses: set[str] = set()

    @property
    def is_failing(self) -> bool:
        """Whether the service could not be asked the last time."""
        return self._failures > 0

    def join(self, wait: Wait) -> bool:
        """Add a wait, unless the watch has ended already; the first one starts it."""
        with self._changed:
            if self.ended:
                return False
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="hvsms-batch-watch", daemon=True).start()
            wait.due = self._clock() + min(_GATHERING, wait.interval.first)
            self._waits[wait] = None
            self._wake()
        return True

    def leave(self, wait: Wait) -> None:
        """Take a wait out; the last one ends the watch and its session."""
        with self._changed:
            self._waits.pop(wait, None)
            self._wake()

    def _wake(self) -> None:
        # Once is enough: a thousand triggers that begin at once must not contend for the lock.
        if self._asleep:
            self._asleep = False
            self._changed.notify()

    def _run(self) -> None:
        try:
            with self._connect() as client:
                lookup = BatchLookup(client)
                while due := self._wait_until_due():
                    self._poll(lookup, due)
        except PermanentError as error:
            self._end_all(Outcome(failure=str(error), connection_in_doubt=isinstance(error, LoginRefused)))
        except Exception as error:
            # Whatever it is: a trigger that nobody looks after would wait for ever.
            log.exception("The watch for batches broke.")
            self._end_all(Outcome(failure=f"The watch for batches broke: {type(error).__name__}: {error}"))

    def _wait_until_due(self) -> list[Wait]:
        with self._changed:
            while self._waits:
                now = self._clock()
                next_due = min(wait.due for wait in self._waits)
                if next_due <= now:
                    return [wait for wait in self._waits if wait.due <= now]
                self._asleep = True
                self._changed.wait(next_due - now)
                self._asleep = False
            self.ended = True
            return []

    def _poll(self, lookup: BatchLookup, due: list[Wait]) -> None:
        began = self._clock()
        try:
            found = lookup.look(_pending(due), waited_for=_pending(self._all_waits()))
        except PermanentError:
            raise
        except HvsmsError as error:
            self._pause(due, error)
            return
        self._note_recovery()
        for wait in due:
            self._settle(wait, found)
            wait.plan(began, self._epoch)

    def _all_waits(self) -> list[Wait]:
        with self._changed:
            return list(self._waits)

    def _settle(self, wait: Wait, found: Mapping[str, Batch | PermanentError]) -> None:
        for batch_id in sorted(wait.pending):
            batch = found[batch_id]
            if not isinstance(batch, Batch):
                self.leave(wait)
                wait.finish(Outcome(failure=str(batch)))
                return
            if batch.status == COMPLETED:
                wait.completed[batch_id] = batch
                wait.pending.remove(batch_id)
            else:
                self._note_status(batch)
        if not wait.pending:
            self.leave(wait)
            wait.succeed()

    def _pause(self, due: list[Wait], error: HvsmsError) -> None:
        if not self._failures:
            log.warning("The batches cannot be looked at now, and will be as soon as it is possible again: %s", error)
        self._failures += 1
        pause = min(_MAX_PAUSE, min(wait.interval.first for wait in due) * 2.0 ** min(self._failures, 60))
        for wait in due:
            wait.due = self._clock() + max(pause, wait.interval.after(wait.looks))

    def _note_recovery(self) -> None:
        if self._failures:
            log.info("The batches can be looked at again.")
        self._failures = 0

    def _note_status(self, batch: Batch) -> None:
        if batch.status not in _KNOWN_UNFINISHED and str(batch.status) not in self._unseen_statuses:
            self._unseen_statuses.add(str(batch.status))
            log.warning("Batch %s has the status %r, which is new here: waiting on.", batch.id, batch.status)

    def _end_all(self, outcome: Outcome) -> None:
        with self._changed:
            self.ended = True
            waits, self._waits = list(self._waits), {}
        for wait in waits:
            wait.finish(outcome)


def _pending(waits: Iterable[Wait]) -> set[str]:
    return {batch_id for wait in waits for batch_id in wait.pending}


class _Watches:
    """The watches of this process, one for each connection as it was when the wait began."""

    def __init__(self) -> None:
        self.after_fork()
        os.register_at_fork(after_in_child=self.after_fork)

    def after_fork(self) -> None:
        """Leave the watches to the process before, which has their threads."""
        self._joining = threading.Lock()
        self._running: dict[ClientSettings, BatchWatch] = {}

    def join(self, settings: ClientSettings, wait: Wait) -> BatchWatch:
        with self._joining:
            self._running = {known: watch for known, watch in self._running.items() if not watch.ended}
            watch = self._running.get(settings)
            if watch is None or not watch.join(wait):
                watch = self._running[settings] = BatchWatch(settings.connect)
                watch.join(wait)
            return watch


join_watch = _Watches().join
"""Add a wait to the watch of some settings in this process. It leaves by itself when it is over."""
