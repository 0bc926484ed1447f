"""The rejected recipients of a batch whose answer was lost: those of its part that it has no message to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import BatchesPending, NotFound
from airflow_provider_hvsms.api.filters import MessageFilter
from airflow_provider_hvsms.api.records import Batch, RejectedRecipient
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.campaigns.ledger import LedgerEntry
from airflow_provider_hvsms.campaigns.match import CLOCK_DIFFERENCE
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.sinks.personal_data import normalise

log = logging.getLogger(__name__)

_FIRST_PAUSE = 5.0
_MAX_PAUSE = 120.0


class RejectedLookup:
    """Derives the rejected recipients of a batch from its messages, when all of them are listed.

    Why they were rejected is not known any more. A recipient that has opted out since is not among them.

    :param lookup_time: within which the messages of a batch are listed.
    :param clock: the present, in seconds since 1970.
    :param sleep: waits the given seconds.
    """

    def __init__(
        self,
        client: MessageStoreClient,
        *,
        lookup_time: timedelta,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._lookup_time = lookup_time
        self._clock = clock
        self._sleep = sleep

    def find(self, entry: LedgerEntry, part: Part) -> tuple[Batch, int]:
        """The batch of an entry with its rejected recipients, and how many these are.

        :raises BatchesPending: some of its messages are not listed yet.
        :raises NotFound: there is no such batch, not even after `lookup_time`.
        :raises HvsmsError: the batch or its messages cannot be read.
        """
        deadline = self._clock() + self._lookup_time.total_seconds()
        pause = _FIRST_PAUSE
        while True:
            batch = self._read(entry, is_last=self._clock() >= deadline)
            if batch is None:
                pause = self._wait(pause, deadline)
                continue
            if entry.attempts == 1 and batch.batch_size == entry.size:
                return _with_rejected(batch, ()), 0
            listed = self._recipients(batch)
            if batch.batch_size is not None and len(listed) >= batch.batch_size:
                rejected = [message.to for message in part.messages if normalise(message.to) not in listed]
                return _with_rejected(batch, rejected), len(rejected)
            if self._clock() >= deadline:
                return self._give_up(entry, batch, len(listed))
            pause = self._wait(pause, deadline)

    def _read(self, entry: LedgerEntry, *, is_last: bool) -> Batch | None:
        """The batch; `None`: the service does not list it yet."""
        try:
            return self._client.get_batch(str(entry.batch_id))
        except NotFound:
            if is_last:
                raise
            return None

    def _wait(self, pause: float, deadline: float) -> float:
        """Pause until the next look, and return the pause after it."""
        self._sleep(min(pause, max(deadline - self._clock(), 1.0)))
        return min(2 * pause, _MAX_PAUSE)

    def _recipients(self, batch: Batch) -> set[str]:
        now = datetime.fromtimestamp(self._clock(), UTC)
        window = Window(batch.creation_time - CLOCK_DIFFERENCE, max(now, batch.creation_time) + CLOCK_DIFFERENCE)
        messages = self._client.iter_messages(window, MessageFilter(batch_id=batch.id))
        return {normalise(number) for message in messages for number in message.to}

    def _give_up(self, entry: LedgerEntry, batch: Batch, listed: int) -> tuple[Batch, int]:
        if batch.status != "Completed":
            raise BatchesPending(
                f"Part {entry.part} was created as batch {batch.id}. Of {batch.batch_size} messages {listed} are "
                "listed, so it is not known yet which recipients were rejected. Nothing is sent again; try later."
            )
        log.warning(
            "Part %d: batch %s is completed, but of %s messages only %d are listed. Its rejected recipients are "
            "counted, and not kept.",
            entry.part, batch.id, batch.batch_size, listed,
        )  # fmt: skip
        count = 0 if batch.batch_size is None else max(entry.size - batch.batch_size, 0)
        return _with_rejected(batch, ()), count


def _with_rejected(batch: Batch, numbers: list[str] | tuple[str, ...]) -> Batch:
    return msgspec.structs.replace(batch, rejected=tuple(RejectedRecipient(to=(number,)) for number in numbers))
