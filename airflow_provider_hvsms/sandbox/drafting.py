"""A message made from its creation moment, its batch and 64 random bits."""

from __future__ import annotations

from airflow_provider_hvsms.sandbox import fate, texts
from airflow_provider_hvsms.sandbox.records import Message


def outgoing(
    number: int, created: int, own: str, customer: str, batch_id: str | None, template: int, bits: int
) -> Message:
    """Return a message to a customer; ``template`` chooses among the texts."""
    end = fate.fate(bits)
    variants = texts.OUTGOING[template % len(texts.OUTGOING)]
    name = (bits >> 20) % len(variants)
    segments = texts.OUTGOING_SEGMENTS[template % len(texts.OUTGOING)][name]
    return Message(
        number,
        created,
        "Outbound",
        own,
        (customer,),
        variants[name],
        segments,
        end.status,
        fate.sent_after(bits) if end.sent else None,
        fate.settled_after(bits) if end.sent else fate.failed_after(bits),
        fate.cost(segments) if end.charged else None,
        end.error_code,
        batch_id,
    )


def incoming(number: int, created: int, own: str, customer: str, bits: int) -> Message:
    """Return a message from a customer: delivered when it appears; half of them have a cost, which is nothing."""
    which = (bits >> 20) % len(texts.INCOMING)
    return Message(
        number,
        created,
        "Inbound",
        customer,
        (own,),
        texts.INCOMING[which],
        texts.INCOMING_SEGMENTS[which],
        "Delivered",
        None,
        0,
        0.0 if bits & 1 else None,
        None,
        None,
    )
