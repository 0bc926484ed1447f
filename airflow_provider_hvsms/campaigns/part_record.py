"""The ledger's entry of one part, as one try knows it, and each change that the try makes to it."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_hvsms.api.errors import HvsmsError, LedgerConflict, LedgerUnavailable, SendingRefused
from airflow_provider_hvsms.campaigns.ledger import EntryState, Ledger, LedgerEntry, RunKey
from airflow_provider_hvsms.campaigns.part import Part

log = logging.getLogger(__name__)

MAX_NOTING_TIME = timedelta(seconds=30)
"""An intent that took longer to note is noted again: its time says when the request leaves."""

_MIN_NOTING_TIME = timedelta(seconds=10)
"""What a ledger in the state of a task needs, with room."""

_MAX_INTENTS = 3
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_MAX_CONFLICTS = 5

SETTLED = frozenset({EntryState.CREATED, EntryState.RECORDED, EntryState.SKIPPED})
"""Of these nothing is sent any more."""


def noting_time(lookup_time: timedelta) -> timedelta:
    """The time within which a request leaves after its intent: 30 seconds, or less with a short `lookup_time`."""
    return min(MAX_NOTING_TIME, max(_MIN_NOTING_TIME, lookup_time))


class PartRecord:
    """Notes the steps of a part in the ledger. Each change replaces exactly what this try knows, or fails.

    :param entry: what the ledger has of the part; `None`: nothing yet.
    :param noting_time: see `noting_time`.
    :param clock: the present, in seconds since 1970.
    :param sleep: waits the given seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: RunKey,
        part: Part,
        entry: LedgerEntry | None,
        *,
        noting_time: timedelta = MAX_NOTING_TIME,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._part = part
        self._noting_time = noting_time
        self._clock = clock
        self._sleep = sleep
        self.entry = entry
        self.has_intent = False
        """Whether the entry is an intent of this try."""

    @property
    def state(self) -> EntryState | None:
        return None if self.entry is None else self.entry.state

    @property
    def known(self) -> LedgerEntry:
        """The entry, which exists."""
        if self.entry is None:
            raise LedgerConflict(f"Part {self._part.number}: its entry is gone from the ledger.")
        return self.entry

    def reload(self) -> PartRecord:
        """Read the entry again, after another try changed it.

        :raises LedgerUnavailable: the ledger cannot be read.
        """
        self.entry = self._ledger.entries(self._run).get(self._part.number)
        self.has_intent = False
        return self

    def note_intent(self, check: Callable[[], None] = lambda: None) -> None:
        """Note that a request is about to leave. If this raises, it must not leave.

        :param check: runs when the intent is noted, and raises if nothing may be sent after all.
        :raises LedgerConflict: another try changed the entry.
        :raises LedgerUnavailable: it is not sure that the intent is noted, or noting it takes too long.
        """
        for _ in range(_MAX_INTENTS):
            intended_at = self._now()
            self._put(self._intent(intended_at))
            self.has_intent = True
            check()
            # By the wall clock, which goes on while a machine is suspended.
            if timedelta() <= self._now() - intended_at <= self._noting_time:
                return
            log.warning(
                "Part %d: noting in the ledger that it is about to be sent took longer than %d s. It is noted again.",
                self._part.number, self._noting_time.seconds,
            )  # fmt: skip
        self.note_not_created()
        raise LedgerUnavailable(
            f"Part {self._part.number}: noting in the ledger that it is about to be sent took longer than "
            f"{self._noting_time.seconds} s, {_MAX_INTENTS} times. Nothing was sent. Try again when the ledger "
            "is faster."
        )

    def note_not_created(self) -> None:
        """Note that the requests of this try created nothing. If that fails, the next try looks for their batch."""
        if not self.has_intent:
            return
        try:
            self._change(EntryState.NOT_CREATED)
        except HvsmsError as error:
            log.warning("Part %d: it was not noted that no batch was created. %s", self._part.number, error)
        self.has_intent = False

    def note_skipped(self) -> None:
        """Note that there is nobody to send to.

        :raises LedgerConflict: another try changed the entry.
        """
        if self.entry is None:
            now = self._now()
            self._put(dataclasses.replace(self._intent(now), state=EntryState.SKIPPED, attempts=0))
        else:
            self._change(EntryState.SKIPPED, fingerprint=self._part.fingerprint, size=0)

    def note_found(self, batch_id: str) -> None:
        """Note the batch that was found for the intent.

        :raises LedgerConflict: another try changed the entry, and it does not have this batch.
        """
        self._repeat(batch_id, lambda: self._change(EntryState.CREATED, batch_id=batch_id))

    def note_created(self, batch_id: str) -> None:
        """Note the batch of the answer, whatever another try noted in the meantime: it exists.

        :raises SendingRefused: another try may have sent the part as well. The batch is noted if the entry had none.
        :raises LedgerUnavailable: the ledger could not be written for a minute. The next try finds the batch.
        """
        log.info("Part %d: batch %s was created.", self._part.number, batch_id)
        self._repeat(batch_id, lambda: self._insist(batch_id))

    def note_recorded(self, rejected_count: int) -> None:
        """Note that the rejected recipients are kept.

        :raises LedgerConflict: another try changed the entry in another way.
        """
        batch_id = self.known.batch_id

        def change() -> None:
            try:
                self._change(EntryState.RECORDED, rejected_count=rejected_count)
            except LedgerConflict:
                if self.reload().state is not EntryState.RECORDED or self.known.batch_id != batch_id:
                    raise

        self._repeat(batch_id, change)

    def _insist(self, batch_id: str) -> None:
        noted, rival = self.known, None
        for _ in range(_MAX_CONFLICTS):
            # If a person removed the entry, it is added again: the batch exists.
            current = self.entry or dataclasses.replace(noted, revision=0)
            created = dataclasses.replace(
                current, state=EntryState.CREATED, batch_id=batch_id, revision=current.revision + 1
            )
            try:
                self._put(created)
                break
            except LedgerConflict:
                found = self.reload().entry
            if found is not None and found.batch_id == batch_id:
                break
            if found is not None and found.batch_id is not None:
                raise SendingRefused(self._sent_twice(batch_id, found))
            rival = found if found is not None and found.state is EntryState.INTENDED else rival
        else:
            log.warning("Part %d was created as batch %s, which could not be noted.", self._part.number, batch_id)
            raise LedgerConflict(f"Part {self._part.number}: its entry changes faster than batch {batch_id} is noted.")
        if rival is not None:
            raise SendingRefused(self._sent_twice(batch_id, rival))

    def _sent_twice(self, batch_id: str, rival: LedgerEntry) -> str:
        other = f"has batch {rival.batch_id}" if rival.batch_id else "may have created a batch of its own"
        return (
            f"Part {self._part.number} was created as batch {batch_id}, but another try of the same task, which was "
            f"about to send it at {rival.intended_at:%Y-%m-%d %H:%M:%S} UTC, {other}. This try sends nothing more. "
            "Compare the batches of this sender since then, and clear the task to send the other parts."
        )

    def _repeat(self, batch_id: str | None, change: Callable[[], None]) -> None:
        for pause in (*_PAUSES, None):
            try:
                return change()
            except LedgerUnavailable as error:
                log.warning(
                    "Part %d was created as batch %s, which is not noted in the ledger yet. %s",
                    self._part.number, batch_id, error,
                )  # fmt: skip
                if pause is None:
                    raise
                self._sleep(pause)
        return None

    def _intent(self, intended_at: datetime) -> LedgerEntry:
        size = len(self._part.messages)
        if self.entry is None:
            return LedgerEntry(
                run=self._run,
                part=self._part.number,
                fingerprint=self._part.fingerprint,
                size=size,
                state=EntryState.INTENDED,
                first_intended_at=intended_at,
                intended_at=intended_at,
            )
        return dataclasses.replace(
            self.entry,
            fingerprint=self._part.fingerprint,
            size=size,
            state=EntryState.INTENDED,
            intended_at=intended_at,
            attempts=self.entry.attempts + 1,
            revision=self.entry.revision + 1,
        )

    def _change(self, state: EntryState, **values: Any) -> None:
        self._put(dataclasses.replace(self.known, state=state, revision=self.known.revision + 1, **values))

    def _put(self, entry: LedgerEntry) -> None:
        if self.entry is None:
            self._ledger.add(entry)
        else:
            self._ledger.replace(entry)
        self.entry = entry

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
