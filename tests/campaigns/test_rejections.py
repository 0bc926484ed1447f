"""The rejected recipients of a part: named by the answer, or found later from the messages of its batch."""

from __future__ import annotations

from typing import Any

from airflow_provider_hvsms.api.records import Batch, RejectedRecipient
from airflow_provider_hvsms.api.sending import OutgoingMessage
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.campaigns.rejections import rejections_in_answer
from tests.support.messages import NOON

NUMBERS = tuple(f"+1415555010{digit}" for digit in range(5))


def part(*opted_out: str) -> Part:
    """A part whose recipients are all of `NUMBERS`."""
    messages = tuple(OutgoingMessage(number, "Hello") for number in NUMBERS)
    return Part(
        number=1,
        fingerprint="f",
        messages=tuple(message for message in messages if message.to not in opted_out),
        opted_out=tuple(message for message in messages if message.to in opted_out),
    )


def batch(**rejected: Any) -> Batch:
    return Batch(id="b1", creation_time=NOON, rejected=(RejectedRecipient(**rejected),) if rejected else ())


def test_the_answer_tells_number_position_and_reason() -> None:
    answer = batch(index=2, to=(NUMBERS[1],), error_code="SMS-RC-410", description="no mobile")
    [rejection] = rejections_in_answer(part(), answer)
    assert (rejection.to, rejection.position, rejection.place) == (NUMBERS[1], 2, 2)
    assert (rejection.error_code, rejection.description, rejection.rejected_at) == ("SMS-RC-410", "no mobile", NOON)


def test_a_number_that_the_answer_writes_in_another_way_is_the_one_that_was_sent() -> None:
    [rejection] = rejections_in_answer(part(), batch(to=("1 415 555 0103",)))
    assert (rejection.to, rejection.place) == (NUMBERS[3], 4)


def test_a_number_that_the_answer_leaves_out_is_found_by_its_position() -> None:
    [rejection] = rejections_in_answer(part(NUMBERS[0]), batch(index=2))
    assert rejection.to == NUMBERS[2]


def test_a_position_outside_the_request_and_an_unknown_number_are_kept_as_they_are() -> None:
    [unknown] = rejections_in_answer(part(), batch(index=99, to=("+4088070206",)))
    [nothing] = rejections_in_answer(part(), batch(index=0))
    assert (unknown.to, unknown.place, unknown.position) == ("+4088070206", None, 99)
    assert (nothing.to, nothing.place) == (None, None)


def test_the_place_is_the_same_whoever_has_opted_out_since() -> None:
    [first] = rejections_in_answer(part(), batch(index=3, to=(NUMBERS[2],)))
    [later] = rejections_in_answer(part(NUMBERS[0]), batch(to=(NUMBERS[2],)))
    assert first.place == later.place
