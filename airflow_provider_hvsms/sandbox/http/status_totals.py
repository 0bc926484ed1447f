"""Counts and costs of messages by status."""

from __future__ import annotations

from collections import Counter
from typing import Any

from airflow_provider_hvsms.sandbox.data.records import MessageState

_FIELDS = {
    "Queued": "queued",
    "Sent": "sent",
    "Delivered": "delivered",
    "DeliveryFailed": "deliveryFailed",
    "SendingFailed": "sendingFailed",
}


class StatusTotals:
    """Adds up messages. A status that the service's response does not have is not counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._costs: dict[str, float] = dict.fromkeys(_FIELDS, 0.0)
        self._errors: dict[str, Counter[str]] = {name: Counter() for name in ("DeliveryFailed", "SendingFailed")}

    def add(self, state: MessageState) -> None:
        """Count a message."""
        if state.status not in _FIELDS:
            return
        self._counts[state.status] += 1
        self._costs[state.status] += state.cost or 0.0
        if state.error_code is not None and state.status in self._errors:
            self._errors[state.status][state.error_code] += 1

    def content(self) -> dict[str, Any]:
        """Return the content of the response."""
        return {
            field: {
                "count": self._counts[status],
                "cost": round(self._costs[status], 6),
                **self._error_counts(status),
            }
            for status, field in _FIELDS.items()
        }

    def legacy_content(self) -> dict[str, Any]:
        """Return the content in the older shape, without costs."""
        counts = {status: {"count": self._counts[status], **self._error_counts(status)} for status in _FIELDS}
        return {"messageStatuses": counts}

    def _error_counts(self, status: str) -> dict[str, dict[str, int]]:
        return {"errorCodeCounts": dict(self._errors[status])} if status in self._errors else {}
