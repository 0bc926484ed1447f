"""The table of batches, and what each of them looks like at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from airflow_provider_hvsms.sandbox.data.filters import BatchFilters
from airflow_provider_hvsms.sandbox.data.keys import Key
from airflow_provider_hvsms.sandbox.data.messages import MessageTable
from airflow_provider_hvsms.sandbox.data.records import Batch

_key = attrgetter("key")


@dataclass(frozen=True, slots=True)
class BatchState:
    """The progress of a batch at one time; ``cost`` is ``None`` until it is complete."""

    processed_count: int
    modified: int
    cost: float | None


class BatchTable:
    """All batches. Any thread may read; the caller of ``put`` and ``delete`` holds a lock."""

    def __init__(self, batches: Sequence[Batch], messages: MessageTable) -> None:
        self._messages = messages
        # Replaced as a whole and never changed in place: a reader keeps the tuple that it took.
        self._batches = tuple(batches)
        self._by_id = {batch.id: batch for batch in batches}

    def put(self, batch: Batch) -> None:
        """Add a batch, or replace the one of the same id."""
        kept = [other for other in self._batches if other.id != batch.id]
        self._by_id[batch.id] = batch
        self._batches = tuple(sorted([*kept, batch], key=_key))

    def delete(self, batch_id: str) -> None:
        """Remove a batch; its messages stay."""
        del self._by_id[batch_id]
        self._batches = tuple(batch for batch in self._batches if batch.id != batch_id)

    def all(self) -> list[Batch]:
        """Return all batches but raw ones, future ones included, oldest first."""
        return [batch for batch in self._batches if batch.raw_json is None]

    def get(self, batch_id: str) -> Batch:
        """Return the batch with an id; raise ``KeyError`` if there is none."""
        return self._by_id[batch_id]

    def find(self, batch_id: str, now: int) -> Batch | None:
        """Return the batch with an id, if responses contain it by ``now``."""
        batch = self._by_id.get(batch_id)
        return batch if batch is not None and batch.is_listed(now) else None

    def matching(self, filters: BatchFilters, now: int) -> dict[Key, Batch]:
        """Return the batches that pass the filters and are listed by ``now``, oldest first."""
        return {batch.key: batch for batch in self._batches if batch.is_listed(now) and filters.match(batch, now)}

    def state(self, batch: Batch, now: int) -> BatchState:
        """Return the state of a batch."""
        if batch.completed is None or batch.completed > now:
            created = [message.created for message in self._messages.of_batch(batch.id) if message.created <= now]
            processed = len(batch.rejected) + len(created) if batch.processed is None else batch.processed
            return BatchState(processed, max(created, default=batch.created), None)
        processed = batch.size if batch.processed is None else batch.processed
        cost = self._messages.cost_of_batch(batch.id) if batch.cost is None else batch.cost
        return BatchState(processed, batch.completed, cost)
