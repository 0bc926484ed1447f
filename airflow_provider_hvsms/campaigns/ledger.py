"""The ledger of a campaign: what was intended, and what came of it. It holds no phone number and no text."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable


class EntryState(enum.StrEnum):
    """How far a part is."""

    INTENDED = "intended"
    """A request for it may have left. Without an answer it is open whether its batch was created."""
    NOT_CREATED = "not_created"
    """No batch was created: the service refused the request, or a person said so."""
    CREATED = "created"
    """Its batch was created; its rejected recipients have not been kept yet."""
    RECORDED = "recorded"
    """Its batch was created, and its rejected recipients have been kept."""
    SKIPPED = "skipped"
    """There was nobody to send to: all of its recipients have opted out."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunKey:
    """The task whose tries share the entries: a new run is a new key, another try or a cleared task is not."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


@dataclasses.dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """What is known of a part.

    :param part: its number, from 1.
    :param fingerprint: see `Part`.
    :param size: messages of the latest request for it.
    :param first_intended_at: when its first request was about to leave; UTC.
    :param intended_at: when its latest request was about to leave; UTC.
    :param attempts: requests that were about to leave.
    :param batch_id: the batch, once it is known.
    :param rejected_count: recipients that the service rejected, once they have been kept.
    :param revision: counts changes from 1, for compare-and-set.
    """

    run: RunKey
    part: int
    fingerprint: str
    size: int
    state: EntryState
    first_intended_at: datetime
    intended_at: datetime
    attempts: int = 1
    batch_id: str | None = None
    rejected_count: int | None = None
    revision: int = 1


class Ledger(Protocol):
    """Keeps the entries of campaigns, for all tries and all workers.

    Each method may raise `LedgerUnavailable`: the ledger cannot be read or written at the moment.
    """

    def entries(self, run: RunKey) -> Mapping[int, LedgerEntry]:
        """The entries of a task's run, by part."""

    def add(self, entry: LedgerEntry) -> None:
        """Add the first entry of a part.

        :raises LedgerConflict: another process has added one.
        """

    def replace(self, entry: LedgerEntry) -> None:
        """Replace the entry whose revision is one less than this one's.

        :raises LedgerConflict: another process has changed it.
        """

    def how_to_resolve(self, entry: LedgerEntry) -> str:
        """Sentences for the log: how a person notes whether the batch of an entry was created."""


@runtime_checkable
class SearchableLedger(Ledger, Protocol):
    """A ledger that also finds the entries of other runs."""

    def recent(self, fingerprint: str, since: datetime) -> list[LedgerEntry]:
        """The entries with a fingerprint, of any run, that were intended at or after a time and may have been sent."""
