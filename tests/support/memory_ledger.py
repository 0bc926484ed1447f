"""A ledger in memory, with a true compare-and-set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from airflow_provider_hvsms.api.errors import LedgerConflict
from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry, RunKey


class MemoryLedger:
    """Keeps entries in memory.

    :param before: called before each access with its name; it may raise, and the access is then not carried out.
    :param after: called after each write with its name; it may raise, though the write was carried out.
    """

    def __init__(
        self, before: Callable[[str], None] = lambda _: None, after: Callable[[str], None] = lambda _: None
    ) -> None:
        self.stored: dict[tuple[RunKey, int], LedgerEntry] = {}
        self.before = before
        self.after = after

    def entries(self, run: RunKey) -> dict[int, LedgerEntry]:
        self.before("entries")
        return {part: entry for (owner, part), entry in self.stored.items() if owner == run}

    def add(self, entry: LedgerEntry) -> None:
        self.before("add")
        if (entry.run, entry.part) in self.stored:
            raise LedgerConflict("Another process added the entry.")
        self._store(entry)

    def replace(self, entry: LedgerEntry) -> None:
        self.before("replace")
        current = self.stored.get((entry.run, entry.part))
        if current is None or current.revision != entry.revision - 1:
            raise LedgerConflict("Another process changed the entry.")
        self._store(entry)

    def how_to_resolve(self, entry: LedgerEntry) -> str:
        return f"Decide on part {entry.part}."

    def _store(self, entry: LedgerEntry) -> None:
        self.stored[entry.run, entry.part] = entry
        self.after(entry.state.value)


class SearchableMemoryLedger(MemoryLedger):
    """A ledger in memory that also finds the entries of other runs."""

    def recent(self, fingerprint: str, since: datetime) -> list[LedgerEntry]:
        self.before("recent")
        may_be_sent = (EntryState.INTENDED, EntryState.CREATED, EntryState.RECORDED)
        return [
            entry
            for entry in self.stored.values()
            if entry.fingerprint == fingerprint and entry.intended_at >= since and entry.state in may_be_sent
        ]
