"""Entries of ledgers."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry, RunKey

NOON = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
RUN = RunKey(dag_id="campaign", run_id="manual__2026-11-01T12:00:00+00:00", task_id="send")


def entry(part: int = 1, **changes: Any) -> LedgerEntry:
    """The first entry of a part, except for the changes."""
    first = LedgerEntry(
        run=RUN,
        part=part,
        fingerprint=f"{part:064x}",
        size=10_000,
        state=EntryState.INTENDED,
        first_intended_at=NOON,
        intended_at=NOON,
    )
    return dataclasses.replace(first, **changes)


def changed(before: LedgerEntry, **changes: Any) -> LedgerEntry:
    """The entry that replaces another one."""
    return dataclasses.replace(before, revision=before.revision + 1, **changes)
