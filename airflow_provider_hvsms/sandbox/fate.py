"""What becomes of a message, told from 64 random bits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_hvsms.sandbox.moments import SECOND

SEGMENT_COST = 0.007
_COSTS = tuple(round(SEGMENT_COST * segments, 6) for segments in range(10))


@dataclass(frozen=True, slots=True)
class Fate:
    """How a message ends: whether it was sent at all, and the error when it failed."""

    status: str
    sent: bool
    charged: bool
    error_code: str | None


_DELIVERY_ERRORS = (
    *(
        "SMS-CAR-104",
        "SMS-CAR-104",
        "SMS-CAR-199",
        "SMS-CAR-400",
        "SMS-CAR-411",
        "SMS-CAR-413",
        "SMS-CAR-430",
    ),
    *("SMS-UP-410", "SMS-UP-430", "SMS-UP-431", "SMS-UP-500"),
)
_SENDING_ERRORS = ("SMS-RC-410", "SMS-RC-413", "SMS-RC-500", "SMS-RC-503", "SMS-UP-430")
_FAILED_DELIVERIES = 51
_FAILED_SENDINGS = 20

_FAILURES = tuple(
    [Fate("DeliveryFailed", True, True, _DELIVERY_ERRORS[i % len(_DELIVERY_ERRORS)]) for i in range(_FAILED_DELIVERIES)]
    + [Fate("SendingFailed", False, False, _SENDING_ERRORS[i % len(_SENDING_ERRORS)]) for i in range(_FAILED_SENDINGS)]
)
_FATE_MASK = 1023
_DELIVERED = Fate("Delivered", True, True, None)
_ALL_FATES = _FAILURES + (_DELIVERED,) * (_FATE_MASK + 1 - len(_FAILURES))

_HOUR = 3600 * SECOND
_WAITS = (
    tuple(SECOND * (1 + i % 12) for i in range(208))
    + tuple(60 * SECOND * (1 + i) for i in range(36))
    + tuple(_HOUR * (1 + i) // 2 for i in range(12))
)

MAX_SETTLING = timedelta(hours=7)
"""Above the longest time from creation to the last status."""


def fate(bits: int) -> Fate:
    """Return how an outgoing message ends: 5 in 100 are not delivered, 2 in 100 not even sent."""
    return _ALL_FATES[bits & _FATE_MASK]


def sent_after(bits: int) -> int:
    """Return the microseconds from creation to ``Sent``: 0.2 to 4.4 seconds."""
    return 200_000 + (bits >> 10 & 0xFFFFF) * 4


def settled_after(bits: int) -> int:
    """Return the microseconds from creation to the last status: mostly seconds, sometimes minutes, up to 6 hours."""
    return 200_000 + (bits >> 10 & 0xFFFFF) * 4 + _WAITS[bits >> 30 & 0xFF] + (bits >> 38 & 0xFFFFF)


def failed_after(bits: int) -> int:
    """Return the microseconds from creation to ``SendingFailed``: some seconds, sometimes minutes."""
    return sent_after(bits) + _WAITS[bits >> 30 & 0x7F]


def cost(segments: int) -> float:
    """Return the price of a message in dollars."""
    return _COSTS[segments]
