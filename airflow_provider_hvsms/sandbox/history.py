"""The seeded past: columns of numbers instead of objects, so that a million messages stay small."""

from __future__ import annotations

import sys
import uuid
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from random import Random

from airflow_provider_hvsms.sandbox import drafting
from airflow_provider_hvsms.sandbox.moments import DAY, SECOND
from airflow_provider_hvsms.sandbox.numbers import CUSTOMER_COUNT, OWN_NUMBERS, customer
from airflow_provider_hvsms.sandbox.records import Batch, Key, Message, Rejected

FIRST_ID = 52_000_001
INBOUND, ALONE, FIRST_BATCH = 0, 1, 2
"""Values of the ``slot`` column: incoming, outgoing without a batch, and the first batch's."""

_SLOT_BITS = 24
_LONGEST_BATCH = 240 * SECOND
_COMPLETION = SECOND


class History:
    """Messages and batches in ``[begin, end)`` by order of creation; nothing here ever changes.

    :param end: the end, in microseconds since the epoch.
    """

    def __init__(self, messages: int, days: int, seed: int, end: int) -> None:
        random = Random(f"history {seed}")  # noqa: S311 - repeatable on purpose
        self.begin = end - days * DAY
        self.end = end
        self.batches: list[Batch] = []
        events = sorted(self._events(messages, random))
        self._fill(events, random)

    def __len__(self) -> int:
        return len(self.created)

    def message(self, index: int) -> Message:
        """Return the message at a place in the order of creation."""
        slot, bits, own = self.slot[index], self.bits[index], OWN_NUMBERS[self.own[index]]
        number, created, other = FIRST_ID + index, self.created[index], customer(self.customer[index])
        if slot == INBOUND:
            return drafting.incoming(number, created, own, other, bits)
        batch_id = self.batches[slot - FIRST_BATCH].id if slot >= FIRST_BATCH else None
        return drafting.outgoing(number, created, own, other, batch_id, slot, bits)

    def key(self, index: int) -> Key:
        """Return the key of the message at a place."""
        return self.created[index], FIRST_ID + index

    def place(self, key: Key) -> int:
        """Return how many messages come before a key in the order of creation."""
        created, number = key
        low = bisect_left(self.created, created)
        high = bisect_left(self.created, created + 1, low)
        return min(max(number - FIRST_ID, low), high)

    def index_of(self, number: int) -> int | None:
        """Return the place of a message id."""
        index = number - FIRST_ID
        return index if 0 <= index < len(self) else None

    def _events(self, messages: int, random: Random) -> Iterator[int]:
        """Yield creation and slot of every message, packed into one number that sorts by creation."""
        inbound, alone = round(messages * 0.10), round(messages * 0.03)
        span = self.end - self.begin
        for slot, count in ((INBOUND, inbound), (ALONE, alone)):
            for _ in range(count):
                yield int(random.random() * span) << _SLOT_BITS | slot
        yield from self._batch_events(messages - inbound - alone, messages, random)

    def _batch_events(self, left: int, messages: int, random: Random) -> Iterator[int]:
        plans = []
        while left > 0:
            size = min(left, _batch_size(messages, random))
            step = min(SECOND, _LONGEST_BATCH // size)
            start = int(random.random() * (self.end - self.begin - _LONGEST_BATCH - 4 * SECOND))
            plans.append((start, size, step))
            left -= size
        for number, (start, size, step) in enumerate(sorted(plans)):
            self.batches.append(self._batch(number, start, size, step, random))
            slot, first = number + FIRST_BATCH, start + SECOND // 2
            for place in range(size):
                yield first + place * step + int(random.random() * step) << _SLOT_BITS | slot

    def _batch(self, number: int, start: int, size: int, step: int, random: Random) -> Batch:
        rejected = rejected_recipients(size, random)
        return Batch(
            number,
            str(uuid.UUID(int=random.getrandbits(128), version=4)),
            OWN_NUMBERS[random.randrange(len(OWN_NUMBERS))],
            size + len(rejected),
            self.begin + start,
            self.begin + start + SECOND // 2 + size * step + _COMPLETION,
            rejected,
        )

    def _fill(self, events: list[int], random: Random) -> None:
        mask = (1 << _SLOT_BITS) - 1
        self.created = array("q", (self.begin + (event >> _SLOT_BITS) for event in events))
        self.slot = array("I", (event & mask for event in events))
        self.bits = random_bits(len(events), random)
        self.customer = array("I", ((bits >> 24) % CUSTOMER_COUNT for bits in self.bits))
        owns = [OWN_NUMBERS.index(batch.from_number) for batch in self.batches]
        self.own = array(
            "B",
            (
                owns[slot - FIRST_BATCH] if slot >= FIRST_BATCH else (bits >> 58) % len(OWN_NUMBERS)
                for slot, bits in zip(self.slot, self.bits, strict=True)
            ),
        )


def random_bits(count: int, random: Random) -> array[int]:
    """Return ``count`` numbers of 64 random bits, the same on every machine."""
    bits = array("Q")
    bits.frombytes(random.randbytes(8 * count))
    if sys.byteorder == "big":
        bits.byteswap()
    return bits


def rejected_recipients(size: int, random: Random) -> tuple[Rejected, ...]:
    """Return the refused recipients of a batch with ``size`` good ones: none in three batches of four."""
    if random.random() >= 0.25:
        return ()
    count = 1 + random.randrange(1 + size // 50)
    indices = sorted(random.sample(range(size + count), count))
    return tuple(
        Rejected(index, (str(random.randrange(10_000, 99_999)),), "CMN-100", "The recipient is invalid")
        for index in indices
    )


def _batch_size(messages: int, random: Random) -> int:
    if random.random() < 0.15:
        return random.randint(1, 9)
    largest = max(12.0, min(5000.0, messages / 15))
    return int(10 * (largest / 10) ** random.random())
