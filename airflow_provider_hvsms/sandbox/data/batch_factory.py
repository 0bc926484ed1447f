"""Generates what is random about a batch: its id, its size and its rejected recipients."""

from __future__ import annotations

import uuid
from random import Random

from airflow_provider_hvsms.sandbox.data.records import RejectedRecipient


def random_id(random: Random) -> str:
    """Return a UUID."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def random_size(messages: int, random: Random) -> int:
    """Return the number of messages of a batch in a history of ``messages``."""
    if random.random() < 0.15:
        return random.randint(1, 9)
    maximum = max(12.0, min(5000.0, messages / 15))
    return int(10 * (maximum / 10) ** random.random())


def random_rejected(size: int, random: Random) -> tuple[RejectedRecipient, ...]:
    """Return the rejected recipients of a batch with ``size`` messages: none in three batches of four."""
    if random.random() >= 0.25:
        return ()
    count = 1 + random.randrange(1 + size // 50)
    indices = sorted(random.sample(range(size + count), count))
    return tuple(rejected_recipient(index, str(random.randrange(10_000, 99_999))) for index in indices)


def rejected_recipient(index: int, to: str) -> RejectedRecipient:
    """Return a recipient whose number is invalid."""
    return RejectedRecipient(index, (to,), "CMN-100", "The recipient is invalid")
