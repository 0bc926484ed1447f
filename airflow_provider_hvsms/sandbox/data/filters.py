"""The filters of the lists, each in one place: they apply to generated, added and raw records alike.

The date range is no filter of a record but a part of its list: see `keys.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from airflow_provider_hvsms.sandbox.data.records import Batch, OptOut

_ANY: frozenset[str] = frozenset()


class FilteredMessage(Protocol):
    """What the filters see of a message."""

    @property
    def direction(self) -> str: ...
    @property
    def batch_id(self) -> str | None: ...
    @property
    def phone_numbers(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class MessageFilters:
    """Filters of messages and statuses. ``None`` and an empty set accept everything.

    :param phone_numbers: accepted forms of the sender or a recipient, with and without ``+``.
    """

    batch_id: str | None = None
    phone_numbers: frozenset[str] = _ANY
    direction: str | None = None

    def match(self, message: FilteredMessage) -> bool:
        """Whether a message passes all filters."""
        return (
            (self.batch_id is None or self.batch_id == message.batch_id)
            and (self.direction is None or self.direction == message.direction)
            and (not self.phone_numbers or not self.phone_numbers.isdisjoint(message.phone_numbers))
        )


@dataclass(frozen=True, slots=True)
class BatchFilters:
    """Filters of batches. An empty set accepts everything; phone numbers are with and without ``+``."""

    senders: frozenset[str] = _ANY
    statuses: frozenset[str] = _ANY

    def match(self, batch: Batch, now: int) -> bool:
        """Whether a batch passes all filters at a time."""
        return _accepts(self.senders, batch.from_number) and _accepts(self.statuses, batch.status(now))


@dataclass(frozen=True, slots=True)
class OptOutFilters:
    """Filters of opt-outs. An empty set accepts everything; phone numbers are with and without ``+``."""

    senders: frozenset[str] = _ANY
    recipients: frozenset[str] = _ANY
    statuses: frozenset[str] = _ANY

    def match(self, opt_out: OptOut) -> bool:
        """Whether an opt-out passes all filters."""
        return (
            _accepts(self.senders, opt_out.from_number)
            and _accepts(self.recipients, opt_out.to_number)
            and _accepts(self.statuses, opt_out.status)
        )


def _accepts(accepted: frozenset[str], value: str) -> bool:
    return not accepted or value in accepted
