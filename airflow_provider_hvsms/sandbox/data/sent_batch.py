"""What becomes of a batch that a client sends: its rejected recipients and its messages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from airflow_provider_hvsms.sandbox.data import message_factory, outcome
from airflow_provider_hvsms.sandbox.data.records import Batch, Message, RejectedRecipient
from airflow_provider_hvsms.sandbox.data.segments import segment_count

OPTED_OUT = "SMS-RC-413"
_OTHER_FAILURE = "SMS-RC-500"
_NOT_SUPPORTED = "SMS-RC-410"
_DELIVERABLE = re.compile(r"\+?1(?!800)[2-9][0-9]{9}", re.ASCII)


class Recipient(NamedTuple):
    """A recipient as the request has it, and the text for it."""

    to: str
    text: str


def is_deliverable(number: str) -> bool:
    """Whether a number can receive messages: ``+1`` and ten digits, without the toll-free ones of area code 800."""
    return _DELIVERABLE.fullmatch(number) is not None


def with_plus(number: str) -> str:
    """Return a number with its leading ``+``."""
    return number if number.startswith("+") else f"+{number}"


def split(recipients: Sequence[Recipient]) -> tuple[list[Recipient], tuple[RejectedRecipient, ...]]:
    """Return the accepted recipients, with ``+``, and the rejected ones, whose indices count from 1."""
    accepted, rejected = [], []
    for index, recipient in enumerate(recipients, start=1):
        if is_deliverable(recipient.to):
            accepted.append(Recipient(with_plus(recipient.to), recipient.text))
        else:
            reason = "The destination number is not supported"
            rejected.append(RejectedRecipient(index, (recipient.to,), _NOT_SUPPORTED, reason))
    return accepted, tuple(rejected)


class SentBatchPlan(NamedTuple):
    """When and from which number the messages of a sent batch are created; times are microseconds.

    :param duration: time from ``created`` to the creation of the last message.
    :param listed_after: time from ``created`` until responses contain the messages.
    """

    batch_id: str
    from_number: str
    created: int
    duration: int
    listed_after: int

    def messages(
        self, recipients: Collection[Recipient], opted_out: Collection[str], numbers: Iterator[int], random: Random
    ) -> list[Message]:
        """Return a message for each recipient; those in ``opted_out`` fail.

        :param numbers: numbers of records that have not been used.
        """
        bits_of_each = message_factory.random_bits(len(recipients), random)
        return [
            self._message(next(numbers), recipient, after, bits, is_opted_out=recipient.to in opted_out)
            for recipient, after, bits in zip(recipients, self._delays(len(recipients)), bits_of_each, strict=True)
        ]

    def batch(self, number: int, size: int) -> Batch:
        """Return the batch of ``size`` accepted recipients as later reads have it; an empty one completes at once."""
        completed = self.created + (self.duration if size else 0)
        return Batch(
            number, self.batch_id, self.from_number, size, self.created, completed, listed_after=self.listed_after
        )

    def _delays(self, count: int) -> Iterable[int]:
        return (self.duration * place // count for place in range(1, count + 1))

    def _message(self, number: int, recipient: Recipient, after: int, bits: int, *, is_opted_out: bool) -> Message:
        status, was_sent, error_code = _end(bits, is_opted_out)
        segments = segment_count(recipient.text)
        return Message(
            id=number,
            created=self.created + after,
            direction="Outbound",
            from_number=self.from_number,
            to_numbers=(recipient.to,),
            text=recipient.text,
            segments=segments,
            final_status=status,
            sent_after=outcome.sent_after(bits) if was_sent else None,
            settled_after=outcome.settled_after(bits) if was_sent else outcome.failed_after(bits),
            final_cost=outcome.cost_of(segments) if was_sent else None,
            error_code=error_code,
            batch_id=self.batch_id,
            listed_after=max(0, self.listed_after - after),
        )


def _end(bits: int, is_opted_out: bool) -> tuple[str, bool, str | None]:
    """Return the final status, whether it was sent, and the error code: only who opted out fails as opted out."""
    if is_opted_out:
        return "SendingFailed", False, OPTED_OUT
    end = outcome.outcome_of(bits)
    return end.status, end.was_sent, _OTHER_FAILURE if end.error_code == OPTED_OUT else end.error_code
