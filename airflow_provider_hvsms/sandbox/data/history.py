"""The generated past: columns of numbers instead of objects, so that a million messages take little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from airflow_provider_hvsms.sandbox.data import batch_factory, message_factory
from airflow_provider_hvsms.sandbox.data.keys import Key, positions_between
from airflow_provider_hvsms.sandbox.data.outcome import MAX_SETTLING_TIME
from airflow_provider_hvsms.sandbox.data.phone_numbers import CUSTOMER_NUMBERS, OWN_NUMBERS
from airflow_provider_hvsms.sandbox.data.records import Batch, Message
from airflow_provider_hvsms.sandbox.data.timestamps import DAY, SECOND

FIRST_ID = 52_000_001

_INBOUND, _WITHOUT_BATCH, _FIRST_BATCH = 0, 1, 2
"""Values of the column ``slot``: incoming, outgoing without a batch, and the first batch's."""

_SLOT_BITS = 24
_MAX_BATCH_DURATION = 240 * SECOND
_COMPLETION = SECOND


def default_end(now: float) -> datetime:
    """Return the last UTC midnight before which all messages have settled by ``now`` (epoch seconds)."""
    newest = datetime.fromtimestamp(now, UTC) - MAX_SETTLING_TIME
    return newest.replace(hour=0, minute=0, second=0, microsecond=0)


class History:
    """Messages and batches of the ``days`` before ``end`` (a timestamp), in order of creation; it never changes.

    ``bad_day`` is the day, counted back from the end, on which many messages are blocked; 0: none.
    """

    def __init__(self, messages: int, days: int, seed: int, end: int, bad_day: int = 0) -> None:
        random = Random(f"history {seed}")  # noqa: S311 - repeatable on purpose
        self._begin = end - days * DAY
        self._end = end
        self._bad_day = range(end - bad_day * DAY, end - (bad_day - 1) * DAY) if bad_day else range(0)
        self.batches: list[Batch] = []
        events = sorted(self._events(messages, random))
        self._set_columns(events, random)
        self._batches_by_id = {batch.id: batch for batch in self.batches}

    def __len__(self) -> int:
        return len(self._created)

    def __iter__(self) -> Iterator[Message]:
        return map(self.message, range(len(self)))

    def message(self, position: int) -> Message:
        """Return the message at a position."""
        number, created = FIRST_ID + position, self._created[position]
        slot, bits = self._slot[position], self._bits[position]
        own, customer = self.phone_numbers(position)
        if slot == _INBOUND:
            return message_factory.incoming(number, created, own, customer, bits)
        return message_factory.outgoing(
            number, created, own, customer, self.batch_id(position), slot, bits, bad_day=created in self._bad_day
        )

    def row(self, position: int) -> HistoryRow:
        """Return what the filters see of the message at a position."""
        return HistoryRow(self, position)

    def key(self, position: int) -> Key:
        """Return the key of the message at a position."""
        return self._created[position], FIRST_ID + position

    def positions(self, start: Key, end: Key) -> range:
        """Return the positions whose keys are in ``[start, end)``."""
        return positions_between(range(len(self)), start, end, key=self.key)

    def batch_positions(self, batch_id: str) -> range:
        """Return a range of positions that includes all messages of a batch, and others."""
        batch = self._batches_by_id.get(batch_id)
        if batch is None:
            return range(0)
        return self.positions(batch.key, (batch.completed or self._end, 0))

    def direction(self, position: int) -> str:
        """Return the direction of the message at a position."""
        return "Inbound" if self._slot[position] == _INBOUND else "Outbound"

    def batch_id(self, position: int) -> str | None:
        """Return the batch of the message at a position."""
        slot = self._slot[position]
        return self.batches[slot - _FIRST_BATCH].id if slot >= _FIRST_BATCH else None

    def phone_numbers(self, position: int) -> tuple[str, str]:
        """Return the two numbers of the message at a position."""
        return OWN_NUMBERS[self._own[position]], CUSTOMER_NUMBERS[self._customer[position]]

    def _events(self, messages: int, random: Random) -> Iterator[int]:
        """Yield creation and slot of every message, packed into one number that sorts by creation."""
        inbound, without_batch = round(messages * 0.10), round(messages * 0.03)
        duration = self._end - self._begin
        for slot, count in ((_INBOUND, inbound), (_WITHOUT_BATCH, without_batch)):
            for _ in range(count):
                yield int(random.random() * duration) << _SLOT_BITS | slot
        yield from self._batch_events(messages - inbound - without_batch, messages, random)

    def _batch_events(self, left: int, messages: int, random: Random) -> Iterator[int]:
        plans = []
        while left > 0:
            size = min(left, batch_factory.random_size(messages, random))
            step = min(SECOND, _MAX_BATCH_DURATION // size)
            start = int(random.random() * (self._end - self._begin - _MAX_BATCH_DURATION - 4 * SECOND))
            plans.append((start, size, step))
            left -= size
        for number, (start, size, step) in enumerate(sorted(plans)):
            self.batches.append(self._batch(number, start, size, step, random))
            slot, first = number + _FIRST_BATCH, start + SECOND // 2
            for place in range(size):
                yield first + place * step + int(random.random() * step) << _SLOT_BITS | slot

    def _batch(self, number: int, start: int, size: int, step: int, random: Random) -> Batch:
        rejected = batch_factory.random_rejected(size, random)
        return Batch(
            number,
            batch_factory.random_id(random),
            OWN_NUMBERS[random.randrange(len(OWN_NUMBERS))],
            size + len(rejected),
            self._begin + start,
            self._begin + start + SECOND // 2 + size * step + _COMPLETION,
            rejected,
        )

    def _set_columns(self, events: list[int], random: Random) -> None:
        mask = (1 << _SLOT_BITS) - 1
        self._created = array("q", (self._begin + (event >> _SLOT_BITS) for event in events))
        self._slot = array("I", (event & mask for event in events))
        self._bits = message_factory.random_bits(len(events), random)
        self._customer = array("I", map(message_factory.customer_code, self._bits))
        owns = [OWN_NUMBERS.index(batch.from_number) for batch in self.batches]
        self._own = array(
            "B",
            (
                owns[slot - _FIRST_BATCH] if slot >= _FIRST_BATCH else (bits >> 58) % len(OWN_NUMBERS)
                for slot, bits in zip(self._slot, self._bits, strict=True)
            ),
        )


class HistoryRow:
    """A message of the history as the filters see it: a tenth of the time that it takes to make the message."""

    __slots__ = ("_history", "_position")

    def __init__(self, history: History, position: int) -> None:
        self._history = history
        self._position = position

    @property
    def direction(self) -> str:
        """``Inbound`` or ``Outbound``."""
        return self._history.direction(self._position)

    @property
    def batch_id(self) -> str | None:
        """Id of its batch."""
        return self._history.batch_id(self._position)

    @property
    def phone_numbers(self) -> tuple[str, ...]:
        """The account's number and the customer's."""
        return self._history.phone_numbers(self._position)
