"""The rejected recipients of a part: as the first answer names them, or found later from its batch's messages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from airflow_provider_hvsms.api.records import Batch, RejectedRecipient
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.sinks.personal_data import normalise
from airflow_provider_hvsms.sinks.rejected_recipients import Rejection


def rejections_in_answer(part: Part, batch: Batch) -> list[Rejection]:
    """The recipients that the service rejected from a part, of the answer to its request.

    :param batch: the answer; a batch that is read later names no rejected recipients.
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


def rejections_from_messages(part: Part, batch: Batch, accepted: Collection[str]) -> list[Rejection]:
    """The recipients of a part that its batch has no message to. Why they were rejected is not known any more.

    :param accepted: the recipients of all messages of the batch.
    """
    places, found = _places(part), {normalise(number) for number in accepted}
    return [
        Rejection(to=message.to, rejected_at=batch.creation_time, place=places[message.to])
        for message in part.messages
        if message.to not in found
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
