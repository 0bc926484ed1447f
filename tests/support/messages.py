"""Sample messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_hvsms.api.records import Message, Reject

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LOADED_AT = NOON + timedelta(days=1)

REJECT = Reject(b'{"id": 9, "creationTime": "soon"}', "message 9 cannot be read")


def message(number: int, /, **fields: Any) -> Message:
    """A message whose id and times derive from its number.

    :param fields: replace the sample's.
    """
    sample: dict[str, Any] = {
        "id": str(number),
        "creation_time": NOON + timedelta(seconds=number, microseconds=436491),
        "last_modified_time": NOON + timedelta(minutes=number),
        "from_number": "+16505550100",
        "to": ("+16501112222",),
        "direction": "Outbound",
        "message_status": "Sent",
        "segment_count": 1,
        "cost": Decimal("0.007"),
    }
    return Message(**{**sample, **fields})
