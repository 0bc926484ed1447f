"""Generates messages from 64 random bits each."""

from __future__ import annotations

import sys
from array import array
from random import Random

from airflow_provider_hvsms.sandbox.data import message_texts, outcome
from airflow_provider_hvsms.sandbox.data.phone_numbers import CUSTOMER_NUMBERS
from airflow_provider_hvsms.sandbox.data.records import Message


def random_bits(count: int, random: Random) -> array[int]:
    """Return ``count`` numbers of 64 random bits, the same on every machine."""
    bits = array("Q")
    bits.frombytes(random.randbytes(8 * count))
    if sys.byteorder == "big":
        bits.byteswap()
    return bits


def customer_code(bits: int) -> int:
    """Return the place in ``CUSTOMER_NUMBERS`` of the customer of a message."""
    return (bits >> 24) % len(CUSTOMER_NUMBERS)


def outgoing(
    number: int,
    created: int,
    own_number: str,
    customer: str,
    batch_id: str | None,
    template: int,
    bits: int,
    *,
    bad_day: bool = False,
) -> Message:
    """Return a message to a customer; ``template`` selects the text."""
    end = outcome.outcome_of(bits, bad_day=bad_day)
    variants = message_texts.OUTGOING[template % len(message_texts.OUTGOING)]
    name = (bits >> 20) % len(variants)
    segments = message_texts.OUTGOING_SEGMENTS[template % len(message_texts.OUTGOING)][name]
    return Message(
        number,
        created,
        "Outbound",
        own_number,
        (customer,),
        variants[name],
        segments,
        end.status,
        outcome.sent_after(bits) if end.was_sent else None,
        outcome.settled_after(bits) if end.was_sent else outcome.failed_after(bits),
        outcome.cost_of(segments) if end.was_sent else None,
        end.error_code,
        batch_id,
    )


def incoming(number: int, created: int, own_number: str, customer: str, bits: int) -> Message:
    """Return a message from a customer: delivered at its creation; half of them have a cost of zero, half have none."""
    variant = (bits >> 20) % len(message_texts.INCOMING)
    return Message(
        number,
        created,
        "Inbound",
        customer,
        (own_number,),
        message_texts.INCOMING[variant],
        message_texts.INCOMING_SEGMENTS[variant],
        "Delivered",
        None,
        0,
        0.0 if bits & 1 else None,
        None,
        None,
    )
