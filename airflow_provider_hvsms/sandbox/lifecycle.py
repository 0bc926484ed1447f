"""What a message and a batch look like at one moment of their lives."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_hvsms.sandbox.records import Batch, Message


@dataclass(frozen=True, slots=True)
class MessageState:
    """A message at a moment; ``modified`` is the last transition, in microseconds since the epoch."""

    status: str
    modified: int
    cost: float | None
    error_code: str | None


def message_state(message: Message, now: int) -> MessageState:
    """Return the state of a message: Queued, Sent after a while, and in the end what fate holds for it."""
    age = now - message.created
    if age >= message.settled_after:
        settled = message.created + message.settled_after
        return MessageState(message.final_status, settled, message.final_cost, message.error_code)
    if message.sent_after is not None and age >= message.sent_after:
        return MessageState("Sent", message.created + message.sent_after, None, None)
    return MessageState("Queued", message.created, None, None)


def is_complete(batch: Batch, now: int) -> bool:
    """Tell whether a batch has been completed by ``now``."""
    return batch.completed is not None and batch.completed <= now
