"""What became of messages, as their statuses and error codes say."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Literal

from airflow_provider_hvsms.api.error_codes import explain
from airflow_provider_hvsms.api.records import StatusTotals

Outcome = Literal["delivered", "failed", "unknown", "pending"]
"""`unknown`: nobody knows whether it was delivered; `pending`: not decided yet."""


def outcome_of(status: str | None, error_code: str | None) -> Outcome:
    """The outcome of a message.

    A code that means "unknown" decides, whatever the status: the carrier did not say. A status that is not documented
    is unknown, too.
    """
    if error_code and explain(error_code).kind == "unknown":
        return "unknown"
    return _OUTCOMES.get(status or "", "unknown")


_OUTCOMES: dict[str, Outcome] = {
    "Queued": "pending",
    "Sent": "pending",
    "Delivered": "delivered",
    "DeliveryFailed": "failed",
    "SendingFailed": "failed",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutcomeCounts:
    """How many messages had each outcome."""

    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    pending: int = 0

    @property
    def decided(self) -> int:
        """Messages that were delivered or failed: those that a ratio of failures is about."""
        return self.delivered + self.failed


def count_outcomes(totals: StatusTotals) -> OutcomeCounts:
    """The outcomes of counted messages. They add up to the total, even if the service counts a code too often."""
    counts: Counter[Outcome] = Counter()
    for status, total in totals.by_status().items():
        codes = total.error_code_counts.items()
        unknown = sum(count for code, count in codes if outcome_of(status, code) == "unknown")
        unknown = max(0, min(unknown, total.count))
        counts["unknown"] += unknown
        counts[outcome_of(status, None)] += total.count - unknown
    return OutcomeCounts(
        delivered=counts["delivered"], failed=counts["failed"], unknown=counts["unknown"], pending=counts["pending"]
    )
