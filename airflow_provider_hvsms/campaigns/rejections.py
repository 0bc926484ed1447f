"""The rejected recipients of a part, as they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_provider_hvsms.api.records import Batch, RejectedRecipient
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.sinks.personal_data import normalise
from airflow_provider_hvsms.sinks.rejected_recipients import Rejection


def rejections_in_answer(part: Part, batch: Batch) -> list[Rejection]:
    """The recipients that the service rejected from a part.

    :param batch: the answer to its request, or the batch with what `RejectedLookup` derived.
    """
    places = _places(part)
    return [
        Rejection(
            to=(to := _recipient(part, places, rejected)),
            rejected_at=batch.creation_time,
            error_code=rejected.error_code,
            description=rejected.description,
            position=rejected.index,
            place=places.get(to or ""),
        )
        for rejected in batch.rejected
    ]


def _recipient(part: Part, places: Mapping[str, int], rejected: RejectedRecipient) -> str | None:
    """The recipient as it was sent, which may be written in another way in the answer, or left out."""
    named = list(_candidates(part, rejected))
    return next((number for number in named if number in places), named[0] if named else None)


def _candidates(part: Part, rejected: RejectedRecipient) -> Iterator[str]:
    yield from map(normalise, rejected.to)
    if rejected.index is not None and 1 <= rejected.index <= len(part.messages):
        yield part.messages[rejected.index - 1].to


def _places(part: Part) -> dict[str, int]:
    """Of all planned recipients, so that a recipient that opts out between two tries moves no other."""
    planned = sorted(message.to for message in (*part.messages, *part.opted_out))
    return {number: place for place, number in enumerate(planned, start=1)}
