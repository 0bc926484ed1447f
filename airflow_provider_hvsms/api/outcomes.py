"""What became of a message, as its status and error code say."""

from __future__ import annotations

from typing import Literal

from airflow_provider_hvsms.api.error_codes import explain

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
