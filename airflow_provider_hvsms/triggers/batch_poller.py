"""Polls the batches that triggers wait for: one thread, one session and one quota for each connection of a process."""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import get_args

from airflow_provider_hvsms.api.batch_lookup import COMPLETED, BatchLookup, LookupResult
from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import HvsmsError, LoginRefused, PermanentError
from airflow_provider_hvsms.api.filters import BatchStatus
from airflow_provider_hvsms.api.fork import renew_after_fork
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.hooks.client_settings import ClientSettings

log = logging.getLogger(__name__)

_MAX_PAUSE = 300.0
"""Seconds between two attempts while the service does not answer."""

_MAX_FIRST_DELAY = 0.2
"""Seconds before the first poll at most, so that subscriptions made at the same time share it."""

_MAX_LATENESS = 0.1
"""Share of its interval by which a poll may start late without moving the next one."""

_ROUNDING_ERROR = 1e-6
"""Share of an interval that counts as a rounding error."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The end of a wait: all its batches are completed, or `failure` says why they cannot be observed.

    :param connection_in_doubt: another outcome is possible if the connection was corrected since the wait began.
    """

    batches: tuple[Batch, ...] = ()
    failure: str | None = None
    connection_in_doubt: bool = False


@dataclasses.dataclass(frozen=True)
class PollInterval:
    """Seconds between two polls of a batch.

    :param maximum: the interval doubles after each poll, up to this; `None`: it stays the same.
    """

    initial: float
    maximum: float | None = None

    def after(self, polls: int) -> float:
        """The pause after so many polls."""
        if self.maximum is None:
            return self.initial
        return min(self.maximum, self.initial * 2.0 ** min(polls, 60))


class Subscription:
    """The batches that one trigger waits for.

    :param notify: called once, in the poller's thread, with the outcome.
    """

    def __init__(self, batch_ids: Collection[str], interval: PollInterval, notify: Callable[[Outcome], None]) -> None:
        self.interval = interval
        self.notify = notify
        self.due = 0.0
        self.polls = 0
        self.pending = set(batch_ids)
        self._completed: dict[str, Batch] = {}
        self._order = tuple(dict.fromkeys(batch_ids))

    def schedule(self, polled_at: float, epoch: float) -> None:
        """Set the time of the next poll: the first multiple of the interval since `epoch` that is an interval away.

        Subscriptions with equal intervals are thus polled together, however far apart they were made. The epoch is the
        first poll of all, so that a subscription on its own is polled exactly once an interval.

        :param polled_at: when this poll started, in seconds of the poller's clock.
        """
        started = self.due if polled_at - self.due < _MAX_LATENESS * self.interval.initial else polled_at
        intervals = (started + self.interval.after(self.polls) - epoch) / self.interval.initial
        self.due = epoch + math.ceil(intervals - _ROUNDING_ERROR) * self.interval.initial
        self.polls += 1

    def update(self, found: LookupResult) -> Outcome | None:
        """Apply the result of a poll, and return the outcome if it is known now."""
        if failed := sorted(self.pending & found.errors.keys()):
            return Outcome(failure=str(found.errors[failed[0]]))
        polled = [found.batches[batch_id] for batch_id in self.pending]
        self._completed.update({batch.id: batch for batch in polled if batch.status == COMPLETED})
        self.pending -= self._completed.keys()
        if self.pending:
            return None
        return Outcome(batches=tuple(self._completed[batch_id] for batch_id in self._order))


class BatchPoller:
    """Polls the batches of all subscriptions, each at its own interval, with as few requests as possible.

    While the service does not answer, it polls at growing intervals and logs that once; no subscription is lost. A
    refused login ends all subscriptions, an unknown batch ends those to this batch.

    :param connect: creates the client; called in the poller's thread.
    :param clock: a monotonic clock, in seconds.
    """

    def __init__(
        self, connect: Callable[[], MessageStoreClient], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._epoch = 0.0
        self._changed = threading.Condition()
        self._subscriptions: dict[Subscription, None] = {}
        self._running = False
        self.ended = False
        self._asleep = False
        self._failures = 0
        self._logged_statuses: set[str | None] = {*get_args(BatchStatus)}

    @property
    def is_failing(self) -> bool:
        """Whether the last poll failed."""
        return self._failures > 0

    def add(self, subscription: Subscription) -> bool:
        """Add a subscription, unless the poller has ended; the first one starts the thread."""
        with self._changed:
            if self.ended:
                return False
            subscription.due = self._clock() + min(_MAX_FIRST_DELAY, subscription.interval.initial)
            if not self._running:
                self._running = True
                self._epoch = subscription.due
                threading.Thread(target=self._run, name="hvsms-batch-poller", daemon=True).start()
            self._subscriptions[subscription] = None
            self._wake()
        return True

    def remove(self, subscription: Subscription) -> None:
        """Remove a subscription; the last one ends the thread and its session."""
        with self._changed:
            self._subscriptions.pop(subscription, None)
            self._wake()

    def _wake(self) -> None:
        # Notify once: a thousand triggers that start together must not contend for the lock.
        if self._asleep:
            self._asleep = False
            self._changed.notify()

    def _run(self) -> None:
        try:
            with self._connect() as client:
                lookup = BatchLookup(client)
                while due := self._wait_until_due():
                    self._poll(lookup, due)
        except LoginRefused as error:
            self._end_all(Outcome(failure=str(error), connection_in_doubt=True))
        except PermanentError as error:
            self._end_all(Outcome(failure=str(error)))
        except Exception as error:
            # Any error: without an outcome the triggers would wait forever.
            log.exception("Polling batches failed unexpectedly.")
            self._end_all(Outcome(failure=f"Polling batches failed unexpectedly: {type(error).__name__}: {error}"))

    def _wait_until_due(self) -> list[Subscription]:
        with self._changed:
            while self._subscriptions:
                now = self._clock()
                next_due = min(subscription.due for subscription in self._subscriptions)
                if next_due <= now:
                    return [subscription for subscription in self._subscriptions if subscription.due <= now]
                self._asleep = True
                self._changed.wait(next_due - now)
                self._asleep = False
            self.ended = True
            return []

    def _poll(self, lookup: BatchLookup, due: list[Subscription]) -> None:
        started = self._clock()
        with self._changed:
            everything = list(self._subscriptions)
        try:
            found = lookup.find(_pending(due), waited_for=_pending(everything))
        except PermanentError:
            raise
        except HvsmsError as error:
            self._pause(due, error)
            return
        self._log_recovery()
        self._log_new_statuses(found)
        for subscription in due:
            subscription.schedule(started, self._epoch)
            if outcome := subscription.update(found):
                self.remove(subscription)
                subscription.notify(outcome)

    def _pause(self, due: list[Subscription], error: HvsmsError) -> None:
        if not self._failures:
            log.warning("Batches cannot be polled; retrying until they can: %s", error)
        self._failures += 1
        shortest = min(subscription.interval.initial for subscription in due)
        pause = min(_MAX_PAUSE, shortest * 2.0 ** min(self._failures, 60))
        for subscription in due:
            subscription.due = self._clock() + max(pause, subscription.interval.after(subscription.polls))

    def _log_recovery(self) -> None:
        if self._failures:
            log.info("Batches can be polled again.")
        self._failures = 0

    def _log_new_statuses(self, found: LookupResult) -> None:
        for batch in found.batches.values():
            if batch.status not in self._logged_statuses:
                self._logged_statuses.add(batch.status)
                log.warning("Batch %s has an undocumented status, %r: it counts as pending.", batch.id, batch.status)

    def _end_all(self, outcome: Outcome) -> None:
        with self._changed:
            self.ended = True
            subscriptions, self._subscriptions = list(self._subscriptions), {}
        for subscription in subscriptions:
            subscription.notify(outcome)


def _pending(subscriptions: Iterable[Subscription]) -> set[str]:
    return {batch_id for subscription in subscriptions for batch_id in subscription.pending}


class _Pollers:
    """The pollers of this process, by the settings of their connections."""

    def __init__(self) -> None:
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Start without pollers: their threads run in the parent only."""
        self._lock = threading.Lock()
        self._running: dict[ClientSettings, BatchPoller] = {}

    def subscribe(self, settings: ClientSettings, subscription: Subscription) -> BatchPoller:
        with self._lock:
            self._running = {known: poller for known, poller in self._running.items() if not poller.ended}
            poller = self._running.get(settings)
            if poller is None or not poller.add(subscription):
                poller = self._running[settings] = BatchPoller(settings.connect)
                poller.add(subscription)
            return poller


subscribe = _Pollers().subscribe
"""Add a subscription to this process's poller for the settings. The poller removes it when the outcome is known."""
