"""The records of the message store, each with its whole planned life.

The ``raw_json`` of a record, if set, is returned unchanged; its other fields are only used by the filters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_hvsms.sandbox.data import timestamps
from airflow_provider_hvsms.sandbox.data.keys import Key


class MessageState(NamedTuple):
    """A message at one time; ``modified`` is its last transition."""

    status: str
    modified: int
    cost: float | None
    error_code: str | None


class Message(NamedTuple):  # a tuple, because a page makes a thousand of them
    """A message. Timestamps and delays are microseconds; delays count from ``created``.

    :param sent_after: delay until ``Sent``; ``None``: it changes from ``Queued`` to its final status.
    :param settled_after: delay until ``final_status``.
    :param listed_after: delay until it appears in responses.
    :param raw_id: id under which a raw record is found.
    """

    id: int
    created: int
    direction: str
    from_number: str
    to_numbers: tuple[str, ...]
    text: str
    segments: int
    final_status: str
    sent_after: int | None
    settled_after: int
    final_cost: float | None
    error_code: str | None
    batch_id: str | None
    listed_after: int = 0
    raw_json: str | None = None
    raw_id: str | None = None

    @classmethod
    def from_raw(cls, number: int, created: int, record: Any) -> Message:
        """Return a message whose JSON is ``record``, which may be any value."""
        fields = record if isinstance(record, Mapping) else {}
        to, cost = fields.get("to"), fields.get("cost")
        return cls(
            id=number,
            created=created,
            direction=str(fields.get("direction")),
            from_number=str(fields.get("from")),
            to_numbers=tuple(number for number in to if isinstance(number, str)) if isinstance(to, list) else (),
            text="",
            segments=1,
            final_status=str(fields.get("messageStatus")),
            sent_after=None,
            settled_after=0,
            final_cost=cost if isinstance(cost, float) else None,
            error_code=_text_or_none(fields.get("errorCode")),
            batch_id=_text_or_none(fields.get("batchId")),
            raw_json=to_json(record),
            raw_id=str(fields["id"]) if "id" in fields else None,
        )

    @property
    def key(self) -> Key:
        """Place in the list of messages."""
        return self.created, self.id

    @property
    def shown_id(self) -> str:
        """The id under which a single read finds it."""
        return str(self.id) if self.raw_id is None else self.raw_id

    @property
    def creation_time(self) -> datetime:
        """The creation as an aware ``datetime``."""
        return timestamps.to_datetime(self.created)

    @property
    def phone_numbers(self) -> tuple[str, ...]:
        """Sender and recipients."""
        return (self.from_number, *self.to_numbers)

    def is_listed(self, now: int) -> bool:
        """Whether responses contain it by ``now``."""
        return self.created + self.listed_after <= now

    def state(self, now: int) -> MessageState:
        """Return its state: ``Queued``, ``Sent`` after a while, then its final status."""
        age = now - self.created
        if age >= self.settled_after:
            settled = self.created + self.settled_after
            return MessageState(self.final_status, settled, self.final_cost, self.error_code)
        if self.sent_after is not None and age >= self.sent_after:
            return MessageState("Sent", self.created + self.sent_after, None, None)
        return MessageState("Queued", self.created, None, None)


@dataclass(frozen=True, slots=True)
class RejectedRecipient:
    """A recipient of a batch that was rejected; there is no message for it."""

    index: int
    to: tuple[str, ...]
    error_code: str
    description: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch.

    :param completed: timestamp; ``None``: it does not complete until ``Store.complete_batch``.
    :param initial_status: status until it is complete.
    :param cost: ``None``: the sum of its messages.
    :param processed: ``None``: counted from its messages.
    :param listed_after: delay in microseconds until it appears in responses.
    """

    number: int
    id: str
    from_number: str
    size: int
    created: int
    completed: int | None
    rejected: tuple[RejectedRecipient, ...] = ()
    initial_status: str = "Processing"
    cost: float | None = None
    processed: int | None = None
    raw_json: str | None = None
    listed_after: int = 0

    @classmethod
    def from_raw(cls, number: int, created: int, record: Any, batch_id: str | None) -> Batch:
        """Return a batch whose JSON is ``record``; its id is ``batch_id``, or else the record's own."""
        fields = record if isinstance(record, Mapping) else {}
        return cls(
            number=number,
            id=batch_id or str(fields.get("id") or number),
            from_number=str(fields.get("from")),
            size=0,
            created=created,
            completed=None,
            initial_status=str(fields.get("status")),
            raw_json=to_json(record),
        )

    @property
    def key(self) -> Key:
        """Place in the list of batches."""
        return self.created, self.number

    @property
    def creation_time(self) -> datetime:
        """The creation as an aware ``datetime``."""
        return timestamps.to_datetime(self.created)

    def is_listed(self, now: int) -> bool:
        """Whether responses contain it by ``now``."""
        return self.created + self.listed_after <= now

    def status(self, now: int) -> str:
        """Return its status: ``initial_status`` until it is complete."""
        is_complete = self.completed is not None and self.completed <= now
        return "Completed" if is_complete else self.initial_status


@dataclass(frozen=True, slots=True)
class OptOut:
    """A recipient's choice about one sender."""

    number: int
    from_number: str
    to_number: str
    status: str
    source: str
    raw_json: str | None = None

    @property
    def key(self) -> Key:
        """Place in the list of opt-outs."""
        return 0, self.number


def to_json(value: Any) -> str:
    """Write JSON without spaces, and with letters of all languages as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
