"""Which messages a read asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_hvsms.sandbox.records import Message, RawMessage


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters on messages. ``start`` is inclusive, ``end`` exclusive, both in microseconds; phone numbers lack ``+``.

    ``None``, or no phone numbers: the filter lets everything through.
    """

    start: int
    end: int
    batch_id: str | None = None
    phone_numbers: frozenset[str] = frozenset()
    direction: str | None = None

    def wants(self, message: Message | RawMessage) -> bool:
        """Tell whether a message passes all filters."""
        if not self.start <= message.created < self.end:
            return False
        if isinstance(message, RawMessage):
            return self._wants_raw(message.record)
        if self.direction is not None and message.direction != self.direction:
            return False
        if self.batch_id is not None and message.batch_id != self.batch_id:
            return False
        return self._has_number((message.from_number, *message.to_numbers))

    def _wants_raw(self, record: Any) -> bool:
        fields = record if isinstance(record, dict) else {}
        if self.direction is not None and fields.get("direction") != self.direction:
            return False
        if self.batch_id is not None and fields.get("batchId") != self.batch_id:
            return False
        to = fields.get("to")
        return self._has_number((fields.get("from"), *(to if isinstance(to, list) else ())))

    def _has_number(self, numbers: tuple[Any, ...]) -> bool:
        if not self.phone_numbers:
            return True
        return any(bare_number(number) in self.phone_numbers for number in numbers if isinstance(number, str))


def bare_number(number: str) -> str:
    """Return a phone number without its leading ``+``."""
    return number.removeprefix("+")
