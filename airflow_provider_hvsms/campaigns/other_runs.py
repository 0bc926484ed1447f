"""What other runs have sent of the same: for `deduplicate_for`, and so that no run takes another one's batch."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hvsms.api.errors import InvalidRequest, SendingRefused
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.campaigns.ledger import EntryState, Ledger, LedgerEntry, RunKey, SearchableLedger
from airflow_provider_hvsms.campaigns.match import CLOCK_DIFFERENCE
from airflow_provider_hvsms.campaigns.part_record import noting_time


class OtherRuns:
    """Finds the entries of other runs with the fingerprint of a part, if the ledger can.

    Another task of the same run, or another map index, counts as another run.

    :param deduplicate_for: how long the same part is refused after another run may have sent it; `None`: not at all.
    :raises InvalidRequest: `deduplicate_for` is not positive, or the ledger finds no entries of other runs.
    """

    def __init__(
        self, ledger: Ledger, run: RunKey, *, lookup_time: timedelta, deduplicate_for: timedelta | None
    ) -> None:
        recent = ledger.recent if isinstance(ledger, SearchableLedger) else None
        if deduplicate_for is not None and recent is None:
            raise InvalidRequest(
                "deduplicate_for needs a ledger in a database, which finds the parts of other runs: set ledger_conn_id."
            )
        if deduplicate_for is not None and deduplicate_for <= timedelta():
            raise InvalidRequest("deduplicate_for must be a positive time, such as timedelta(days=1).")
        self._ledger = ledger
        self._recent = recent
        self._run = run
        self._reach = noting_time(lookup_time) + lookup_time + CLOCK_DIFFERENCE
        self._look_back = self._reach + CLOCK_DIFFERENCE
        self._deduplicate_for = deduplicate_for

    def check(self, part: int, fingerprint: str, now: datetime) -> None:
        """Refuse a part that another run may have sent.

        Two runs at once both note their intents before they look here, so that at least one of them sees the other.

        :raises SendingRefused: it names the other run.
        """
        if self._deduplicate_for is None:
            return
        others = self._others(fingerprint, now - self._deduplicate_for)
        if others:
            other = others[-1]
            batch = f"as batch {other.batch_id}" if other.batch_id else "and its batch is not known yet"
            raise SendingRefused(
                f"Part {part}: the same texts to the same recipients were about to be sent at "
                f"{other.intended_at:%Y-%m-%d %H:%M:%S} UTC by run {other.run.run_id!r} of task {other.run.task_id!r} "
                f"in DAG {other.run.dag_id!r} (part {other.part}), {batch}. deduplicate_for is "
                f"{self._deduplicate_for}, so this part was not sent. To send it all the same, run without it."
            )

    def taken(self, entry: LedgerEntry) -> set[str]:
        """The batches that are noted for other parts, and for the same part of other runs."""
        own = (other for number, other in self._ledger.entries(self._run).items() if number != entry.part)
        known = (*own, *self._others(entry.fingerprint, entry.first_intended_at - self._look_back))
        return {other.batch_id for other in known if other.batch_id}

    def rival(self, entry: LedgerEntry, batch: Batch) -> LedgerEntry | None:
        """Another run whose outcome is unknown too, and which may have created a batch as well."""
        for other in self._others(entry.fingerprint, entry.first_intended_at - self._look_back):
            earliest, latest = other.first_intended_at - CLOCK_DIFFERENCE, other.intended_at + self._reach
            if other.state is EntryState.INTENDED and earliest <= batch.creation_time <= latest:
                return other
        return None

    def _others(self, fingerprint: str, since: datetime) -> list[LedgerEntry]:
        if self._recent is None:
            return []
        return [
            entry
            for entry in self._recent(fingerprint, since)
            if entry.run != self._run and entry.state not in (EntryState.NOT_CREATED, EntryState.SKIPPED)
        ]
