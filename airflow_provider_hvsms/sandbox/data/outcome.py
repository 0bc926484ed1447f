"""The outcome of a message, derived from 64 random bits: final status, delays and cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_hvsms.sandbox.data.timestamps import SECOND

SEGMENT_COST = 0.007
_COSTS = tuple(round(SEGMENT_COST * segments, 6) for segments in range(32))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a message ends. One that was not sent has no cost."""

    status: str
    was_sent: bool
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
_DELIVERY_FAILURES = 51
_SENDING_FAILURES = 20

_FAILURES = tuple(
    [Outcome("DeliveryFailed", True, _DELIVERY_ERRORS[i % len(_DELIVERY_ERRORS)]) for i in range(_DELIVERY_FAILURES)]
    + [Outcome("SendingFailed", False, _SENDING_ERRORS[i % len(_SENDING_ERRORS)]) for i in range(_SENDING_FAILURES)]
)
_OUTCOME_MASK = 1023
_DELIVERED = Outcome("Delivered", True, None)
_OUTCOMES = _FAILURES + (_DELIVERED,) * (_OUTCOME_MASK + 1 - len(_FAILURES))

_BLOCKED = Outcome("DeliveryFailed", True, "SMS-CAR-430")
_BLOCKED_ON_A_BAD_DAY = 256
_OUTCOMES_OF_A_BAD_DAY = (
    _FAILURES
    + (_BLOCKED,) * _BLOCKED_ON_A_BAD_DAY
    + (_DELIVERED,) * (_OUTCOME_MASK + 1 - len(_FAILURES) - _BLOCKED_ON_A_BAD_DAY)
)

_HOUR = 3600 * SECOND
_SETTLING_TIMES = (
    tuple(SECOND * (1 + i % 12) for i in range(208))
    + tuple(60 * SECOND * (1 + i) for i in range(36))
    + tuple(_HOUR * (1 + i) // 2 for i in range(12))
)

MAX_SETTLING_TIME = timedelta(hours=7)
"""An upper bound of the time from creation to the final status."""


def outcome_of(bits: int, *, bad_day: bool = False) -> Outcome:
    """Return how an outgoing message ends: 5 % are not delivered, 2 % not even sent.

    On a bad day the carrier blocks another 25 % as spam.
    """
    outcomes = _OUTCOMES_OF_A_BAD_DAY if bad_day else _OUTCOMES
    return outcomes[bits & _OUTCOME_MASK]


def sent_after(bits: int) -> int:
    """Return the microseconds from creation to ``Sent``: 0.2 to 4.4 seconds."""
    return 200_000 + (bits >> 10 & 0xFFFFF) * 4


def settled_after(bits: int) -> int:
    """Return the microseconds from creation to the final status: mostly seconds, sometimes minutes, up to 6 hours."""
    return sent_after(bits) + _SETTLING_TIMES[bits >> 30 & 0xFF] + (bits >> 38 & 0xFFFFF)


def failed_after(bits: int) -> int:
    """Return the microseconds from creation to ``SendingFailed``: some seconds, sometimes minutes."""
    return sent_after(bits) + _SETTLING_TIMES[bits >> 30 & 0x7F]


def cost_of(segments: int) -> float:
    """Return the price of a message in dollars."""
    return _COSTS[segments]
