"""The numbers of a report, counted in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_hvsms.api.outcomes import outcome_of
from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.reports.numbers import Outcomes, Tally

DECIMAL = Decimal("0.000001")


def outcomes_of(messages: Iterable[Message]) -> Outcomes:
    tallies: dict[str, list[Any]] = defaultdict(lambda: [0, Decimal(), 0])
    for message in messages:
        tally = tallies[outcome_of(message.message_status, message.error_code)]
        tally[0] += 1
        tally[1] += message.cost or 0
        tally[2] += message.segment_count or 0
    return Outcomes(
        **{
            name: Tally(count=count, cost=cost.quantize(DECIMAL), segments=segments)
            for name, (count, cost, segments) in tallies.items()
        }
    )


def outbound(messages: Iterable[Message]) -> list[Message]:
    return [message for message in messages if message.direction != "Inbound"]


def inbound(messages: Iterable[Message]) -> list[Message]:
    return [message for message in messages if message.direction == "Inbound"]


def by_day(messages: Collection[Message], start: datetime, end: datetime) -> list[tuple[date, Outcomes, int]]:
    days = []
    for number in range((end - start).days):
        day = start.date() + timedelta(days=number)
        of_day = [message for message in messages if message.creation_time.date() == day]
        days.append((day, outcomes_of(outbound(of_day)), len(inbound(of_day))))
    return days


def by_sender(messages: Collection[Message]) -> list[tuple[Outcomes, int]]:
    """The largest first."""
    replies = Counter(number for message in inbound(messages) for number in message.to)
    groups: dict[str | None, list[Message]] = defaultdict(list)
    for message in outbound(messages):
        groups[message.from_number].append(message)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0] or ""))
    return [(outcomes_of(some), replies[number or ""]) for number, some in ordered]


def worst_batches(messages: Collection[Message]) -> list[tuple[str, Outcomes]]:
    groups: dict[str, list[Message]] = defaultdict(list)
    for message in outbound(messages):
        if message.batch_id is not None:
            groups[message.batch_id].append(message)
    found = [(name, outcomes_of(some)) for name, some in groups.items()]
    return sorted(found, key=lambda group: (-group[1].failed.count, group[0]))


def codes(messages: Collection[Message]) -> dict[str, int]:
    return dict(Counter(message.error_code for message in outbound(messages) if message.error_code))
