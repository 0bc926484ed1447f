"""Rows of the messages layout, built from sample messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.sinks.schema import MESSAGES, Row

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LOADED_AT = NOON + timedelta(days=1)


def row(number: int, **changes: Any) -> Row:
    fields: dict[str, Any] = {
        "id": str(number),
        "creation_time": NOON + timedelta(seconds=number, microseconds=436491),
        "last_modified_time": NOON + timedelta(minutes=number),
        "from_number": "+16505550100",
        "to": ("+16501112222", "+16503334444"),
        "direction": "Outbound",
        "message_status": "Sent",
        "segment_count": 1,
        "cost": Decimal("0.0070"),
    }
    return MESSAGES.rows([Message(**{**fields, **changes})], LOADED_AT)[0]


def on_day(day: int, number: int, **changes: Any) -> Row:
    """A row that was created on a day from 1 on, `number` minutes after midnight."""
    midnight = datetime(2026, 11, day, tzinfo=UTC)
    return row(number, creation_time=midnight + timedelta(minutes=number), **changes)


def rows(count: int) -> list[Row]:
    return [row(number) for number in range(count)]


def reject(number: int) -> Row:
    return (f"print-{number}", f'{{"id": {number}}}', "`creationTime` is missing", LOADED_AT)
