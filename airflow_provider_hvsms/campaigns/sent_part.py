"""What became of a part that was to be sent."""

from __future__ import annotations

import dataclasses
import enum


class How(enum.StrEnum):
    """How a part came to be as it is."""

    SENT = "sent"
    """This try sent it."""
    ADOPTED = "adopted"
    """An earlier request had created its batch, which was found."""
    KNOWN = "known"
    """An earlier try had noted its batch."""
    SKIPPED = "skipped"
    """There was nobody to send to."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentPart:
    """What became of a part.

    :param part: its number.
    :param batch_id: `None` if it was skipped.
    :param size: messages of its request.
    :param rejected_count: how many of them the service rejected.
    """

    part: int
    batch_id: str | None
    size: int
    rejected_count: int
    how: How
