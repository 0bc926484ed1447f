"""A batch as XCom, events and logs may hold it: without phone numbers."""

from __future__ import annotations

from typing import Any

from airflow_provider_hvsms.api.records import Batch


def as_summary(batch: Batch) -> dict[str, Any]:
    """The batch as plain values: `id`, `status`, sizes, `rejected_count`, `cost` (a number), `creation_time`."""
    return {
        "id": batch.id,
        "status": batch.status,
        "batch_size": batch.batch_size,
        "processed_count": batch.processed_count,
        "rejected_count": len(batch.rejected),
        "cost": None if batch.cost is None else float(batch.cost),
        "creation_time": batch.creation_time.isoformat(),
    }


def in_words(batch: Batch) -> str:
    """How far the batch is, such as `Processing: 350 of 1,000 processed, 2 rejected`."""
    processed = "?" if batch.processed_count is None else f"{batch.processed_count:,}"
    size = "?" if batch.batch_size is None else f"{batch.batch_size:,}"
    return f"{batch.status}: {processed} of {size} processed, {len(batch.rejected):,} rejected"
