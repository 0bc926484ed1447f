"""The numbers of reports, as large as a test asks for."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_hvsms.api.error_codes import CodeCount, explain
from airflow_provider_hvsms.reports.numbers import (
    Day,
    Group,
    Outcomes,
    ReportNumbers,
    Tally,
    sum_outcomes,
)

START = date(2026, 3, 1)
FAILURES = {
    "SMS-CAR-413": 0.38,
    "SMS-UP-410": 0.21,
    "SMS-CAR-430": 0.15,
    "SMS-CAR-412": 0.11,
    "SMS-CAR-450": 0.08,
    "SMS-UP-500": 0.07,
}


def tally(count: int, *, price: str = "0.0085") -> Tally:
    """So many messages of 1.25 segments each, and a price for each segment."""
    segments = count * 5 // 4
    return Tally(count=count, cost=segments * Decimal(price), segments=segments)


def outcomes(delivered: int = 0, failed: int = 0, unknown: int = 0, pending: int = 0) -> Outcomes:
    return Outcomes(
        delivered=tally(delivered), failed=tally(failed), unknown=tally(unknown), pending=tally(pending, price="0")
    )


def codes(failed: int, unknown: int) -> tuple[CodeCount, ...]:
    counts = {code: int(failed * part) for code, part in FAILURES.items()} | {"SMS-CAR-199": unknown}
    found = [CodeCount(code=explain(code), count=count) for code, count in counts.items() if count]
    return tuple(sorted(found, key=lambda entry: -entry.count))


def groups(names: list[str], whole: Outcomes) -> tuple[Group, ...]:
    """Parts of a whole: each group is half of the one before."""
    found = []
    for number, name in enumerate(names):
        part = 2 ** (number + 1)
        found.append(
            Group(
                name=name,
                outbound=outcomes(
                    whole.delivered.count // part,
                    whole.failed.count // part,
                    whole.unknown.count // part,
                    whole.pending.count // part,
                ),
            )
        )
    return tuple(found)


def days(number: int, *, messages: int, bad_day: int | None) -> tuple[Day, ...]:
    """Weekdays are busy; on the bad day a third fails."""
    rng = random.Random(11)
    found = []
    for index in range(number):
        day = START + timedelta(days=index)
        sent = int(messages * rng.uniform(0.8, 1.2) * (0.25 if day.weekday() > 4 else 1))
        unknown, pending = sent // 200, sent // (8 if index == number - 1 else 1000)
        failed = int((sent - unknown - pending) * (0.33 if index == bad_day else rng.uniform(0.02, 0.04)))
        outbound = outcomes(sent - failed - unknown - pending, failed, unknown, pending)
        found.append(Day(day=day, outbound=outbound, inbound=int(sent * rng.uniform(0.02, 0.05))))
    return tuple(found)


def sample_numbers(
    number_of_days: int = 31,
    *,
    messages: int = 5_000,
    bad_day: int | None = 12,
    senders: int = 4,
    batches: int = 6,
    **changed: Any,
) -> ReportNumbers:
    """A month in which one day went wrong.

    :param messages: on a weekday.
    :param changed: fields of the numbers, in place of those that are made.
    """
    by_day = days(number_of_days, messages=messages, bad_day=bad_day)
    outbound = sum_outcomes(day.outbound for day in by_day)
    start = datetime.combine(START, time(), UTC)
    numbers = ReportNumbers(
        table="analytics.hvsms_messages",
        start=start,
        end=start + timedelta(days=number_of_days),
        created_at=start + timedelta(days=number_of_days, hours=5, minutes=12),
        outbound=outbound,
        inbound=sum(day.inbound for day in by_day),
        days=by_day,
        senders=groups([f"+1 650 *** **{number:02d}" for number in range(10, 10 + senders)], outbound),
        batches=groups([f"17{number:02d}1c49e2b0" for number in range(10, 10 + batches)], outbound),
        codes=codes(outbound.failed.count, outbound.unknown.count),
    )
    return dataclasses.replace(numbers, **changed)


def empty_numbers() -> ReportNumbers:
    """A window in which nothing was sent or received."""
    by_day = tuple(Day(day=START + timedelta(days=index), outbound=Outcomes(), inbound=0) for index in range(3))
    return sample_numbers(3, senders=0, batches=0, outbound=Outcomes(), inbound=0, days=by_day, codes=())
