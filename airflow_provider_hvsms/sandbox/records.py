"""The records of the store, as they are planned from their first moment to their last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_hvsms.sandbox import moments

Key = tuple[int, int]
"""A record's place in the order of its list: creation moment, then number."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message and its whole life. Moments and delays are microseconds; delays count from ``created``.

    :param listed_after: how late it appears in any answer.
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

    @property
    def key(self) -> Key:
        """Place in the order of the list."""
        return self.created, self.id

    @property
    def creation_time(self) -> datetime:
        """The creation as an aware ``datetime``."""
        return moments.to_datetime(self.created)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A record that is answered word for word, whatever it holds; it sorts at ``created`` and ``number``."""

    number: int
    created: int
    record: Any

    @property
    def key(self) -> Key:
        """Place in the order of the list."""
        return self.created, self.number


def has_appeared(message: Message | RawMessage, now: int) -> bool:
    """Tell whether answers hold a message by ``now``."""
    return message.created + (message.listed_after if isinstance(message, Message) else 0) <= now


class WrittenMessage(NamedTuple):
    """A message that lies ready as the list answers it."""

    key: Key
    text: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A recipient of a batch that was refused; there is no message for it."""

    index: int
    to: tuple[str, ...]
    error_code: str
    description: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. ``completed`` is a moment in microseconds; ``None``: it never completes by itself.

    ``status`` is what it shows until then. ``cost`` and ``processed`` are reckoned from its messages when ``None``.
    """

    number: int
    id: str
    from_number: str
    size: int
    created: int
    completed: int | None
    rejected: tuple[Rejected, ...] = ()
    status: str = "Processing"
    cost: float | None = None
    processed: int | None = None

    @property
    def key(self) -> Key:
        """Place in the order of the list."""
        return self.created, self.number

    @property
    def creation_time(self) -> datetime:
        """The creation as an aware ``datetime``."""
        return moments.to_datetime(self.created)


@dataclass(frozen=True, slots=True)
class RawBatch:
    """A batch record that is answered word for word."""

    number: int
    created: int
    record: Any

    @property
    def key(self) -> Key:
        """Place in the order of the list."""
        return self.created, self.number


@dataclass(frozen=True, slots=True)
class OptOut:
    """A recipient's choice about one sender; ``raw`` is answered instead when it is given."""

    number: int
    from_number: str
    to_number: str
    status: str
    source: str
    raw: Any = None

    @property
    def key(self) -> Key:
        """Place in the order of the list."""
        return 0, self.number
