"""Gets the numbers of a report from a table of messages.

The database groups and counts. What it returns does not grow with the number of messages: a row for each day, status
and error code, and the largest groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

import sqlalchemy as sa

from airflow_provider_hvsms.api.error_codes import CodeCount, by_frequency
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.reports.group_query import GroupQuery
from airflow_provider_hvsms.reports.masking import mask_numbers
from airflow_provider_hvsms.reports.numbers import Day, Group, Outcomes, ReportNumbers, sum_outcomes
from airflow_provider_hvsms.reports.total import INBOUND, Total, as_date, as_total, sum_of
from airflow_provider_hvsms.sinks.table_reader import TableReader

Grouping = Literal["day", "from_number", "batch_id"]
"""What the messages of a report are grouped by."""

GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)

COLUMNS = (
    "batch_id",
    "direction",
    "from_number",
    "to_number",
    "message_status",
    "error_code",
    "segment_count",
    "cost",
    "creation_time",
)
"""The columns that a report reads."""

MAX_SENDERS = 20
MAX_BATCHES = 20


def read_numbers(
    reader: TableReader, table: str, window: Window, group_by: Collection[str] = GROUPINGS
) -> ReportNumbers:
    """The numbers of the messages that were created in a window.

    :param table: the table's name, for the report.
    :param group_by: some of `GROUPINGS`: what the report is grouped by besides the totals.
    """
    totals = _read_totals(reader, window, by_day="day" in group_by)
    outbound = [total for total in totals if total.direction != INBOUND]
    groups = GroupQuery(reader, window, {(total.status, total.code) for total in outbound})
    senders, other_senders = _read_senders(groups) if "from_number" in group_by else ((), 0)
    return ReportNumbers(
        table=table,
        start=window.start,
        end=window.end,
        created_at=datetime.now(UTC).replace(microsecond=0),
        outbound=sum_outcomes(total.outcomes for total in outbound),
        inbound=_count_inbound(totals),
        days=tuple(_days(totals, window)) if "day" in group_by else (),
        senders=senders,
        batches=_read_batches(groups) if "batch_id" in group_by else (),
        codes=tuple(_count_codes(outbound)),
        other_senders=other_senders,
    )


def _read_totals(reader: TableReader, window: Window, *, by_day: bool) -> list[Total]:
    names = ("direction", "message_status", "error_code")
    days = [reader.utc_day("creation_time").label("sent_day")] if by_day else []
    messages = (
        sa.select(
            *days,
            *(reader.column(name).label(name) for name in (*names, "cost", "segment_count")),
        )
        .select_from(reader.source)
        .where(
            reader.column("creation_time") >= reader.timestamp(window.start),
            reader.column("creation_time") < reader.timestamp(window.end),
        )
        .subquery("messages")
    )
    keys = [messages.c[name] for name in (*(day.name for day in days), *names)]
    sums = [sa.func.count(), sum_of(messages.c.cost), sum_of(messages.c.segment_count)]
    rows: Iterable[Any] = reader.rows(sa.select(*keys, *sums).group_by(*keys))
    return [as_total(row if by_day else (None, *row)) for row in rows]


def _days(totals: Iterable[Total], window: Window) -> Iterable[Day]:
    by_day: dict[date | None, list[Total]] = {}
    for total in totals:
        by_day.setdefault(as_date(total.day), []).append(total)
    day, last = window.start.date(), (window.end - timedelta(microseconds=1)).date()
    while day <= last:
        found = by_day.get(day, [])
        outbound = (total.outcomes for total in found if total.direction != INBOUND)
        yield Day(day=day, outbound=sum_outcomes(outbound), inbound=_count_inbound(found))
        day += timedelta(days=1)


def _count_inbound(totals: Iterable[Total]) -> int:
    return sum(total.tally.count for total in totals if total.direction == INBOUND)


def _count_codes(outbound: Iterable[Total]) -> list[CodeCount]:
    counts: Counter[str] = Counter()
    for total in outbound:
        if total.code:
            counts[total.code] += total.tally.count
    return by_frequency(counts)


def _read_senders(groups: GroupQuery) -> tuple[tuple[Group, ...], int]:
    found = groups.largest_senders(MAX_SENDERS + 1)
    if len(found) <= MAX_SENDERS:
        return _masked(found), 0
    return _masked(found[:MAX_SENDERS]), groups.count_senders() - MAX_SENDERS


def _masked(found: list[tuple[str | None, Outcomes, int]]) -> tuple[Group, ...]:
    names = mask_numbers([number for number, _, _ in found])
    return tuple(
        Group(name=name, outbound=outbound, inbound=inbound)
        for name, (_, outbound, inbound) in zip(names, found, strict=True)
    )


def _read_batches(groups: GroupQuery) -> tuple[Group, ...]:
    return tuple(Group(name=batch, outbound=outbound) for batch, outbound in groups.worst_batches(MAX_BATCHES))
