"""What the sandbox itself puts into a live batch: generated messages and rejected recipients."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from airflow_provider_hvsms.sandbox.data import batch_factory, message_factory
from airflow_provider_hvsms.sandbox.data.phone_numbers import CUSTOMER_NUMBERS
from airflow_provider_hvsms.sandbox.data.records import Message, RejectedRecipient

_INVALID_RECIPIENT = "29395"


def generate_messages(
    count: int, start: int, duration: int, from_number: str, batch_id: str, numbers: Iterator[int], random: Random
) -> list[Message]:
    """Return messages that are created evenly over ``duration`` microseconds, the first at ``start``.

    :param numbers: numbers of records that have not been used.
    """
    bits_of_each = message_factory.random_bits(count, random)
    template = random.randrange(100)
    return [
        message_factory.outgoing(
            next(numbers),
            start + duration * place // count,
            from_number,
            CUSTOMER_NUMBERS[message_factory.customer_code(bits)],
            batch_id,
            template,
            bits,
        )
        for place, bits in enumerate(bits_of_each)
    ]


def rejected_recipients(size: int, count: int | None, random: Random) -> tuple[RejectedRecipient, ...]:
    """Return ``count`` rejected recipients of a batch of ``size``; ``None``: a random number of them."""
    if count is None:
        count = min(size - 1, len(batch_factory.random_rejected(size, random)))
    indices = sorted(random.sample(range(size), count))
    return tuple(batch_factory.rejected_recipient(index, _INVALID_RECIPIENT) for index in indices)
