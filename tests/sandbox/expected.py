"""What the reads must return, computed plainly from the records of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_hvsms.sandbox.data.records import Message
    from tests.sandbox.conftest import Client

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXAMPLES = (
    "none",
    "window",
    "inbound",
    "outbound",
    "batch",
    "unknown batch",
    "numbers",
    "several",
    "batch and direction",
)


def to_micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def parse_time(text: str) -> int:
    assert text.endswith("Z")
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def format_time(value: int) -> str:
    return (EPOCH + timedelta(microseconds=value)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def expected_message(message: Message, now: int, detailed: bool) -> dict[str, Any]:
    """Return the record of the list."""
    record: dict[str, Any] = {"id": message.id, "from": message.from_number, "to": list(message.to_numbers)}
    if detailed:
        record["text"] = message.text
    status, modified = "Queued", message.created
    if message.sent_after is not None and message.created + message.sent_after <= now:
        status, modified = "Sent", message.created + message.sent_after
    if message.created + message.settled_after <= now:
        status, modified = message.final_status, message.created + message.settled_after
        record |= {} if message.final_cost is None else {"cost": message.final_cost}
        record |= {} if message.error_code is None else {"errorCode": message.error_code}
    record |= {} if message.batch_id is None else {"batchId": message.batch_id}
    return record | {
        "creationTime": format_time(message.created),
        "lastModifiedTime": format_time(modified),
        "messageStatus": status,
        "segmentCount": message.segments,
        "direction": message.direction,
    }


def matching_messages(client: Client, query: dict[str, Any]) -> list[Message]:
    """Return the messages that a query matches, newest first."""
    start, end = parse_time(query["dateFrom"]), parse_time(query["dateTo"])
    numbers = {number.strip("+") for number in query.get("phoneNumber", [])}
    return [
        one
        for one in reversed(client.sandbox.store.messages)
        if start <= one.created < end
        and query.get("direction", one.direction) == one.direction
        and query.get("batchId", one.batch_id) == one.batch_id
        and (not numbers or any(number.strip("+") in numbers for number in (one.from_number, *one.to_numbers)))
    ]


def example_queries(client: Client) -> dict[str, dict[str, Any]]:
    store, everything = client.sandbox.store, client.everything
    largest = max(store.batches, key=lambda batch: batch.size)
    customer = store.messages[5].from_number, *store.messages[5].to_numbers
    return {
        "none": everything,
        "window": {"dateFrom": "2026-02-27T03:04:05.678901Z", "dateTo": "2026-02-27T19:00:00Z"},
        "inbound": everything | {"direction": "Inbound"},
        "outbound": everything | {"direction": "Outbound"},
        "batch": everything | {"batchId": largest.id},
        "unknown batch": everything | {"batchId": "no-such"},
        "numbers": everything | {"phoneNumber": ["+16505550101", customer[-1].strip("+"), customer[0]]},
        "several": everything | {"phoneNumber": ["16505550103"], "direction": "Inbound"},
        "batch and direction": everything | {"batchId": largest.id, "direction": "Inbound"},
    }
