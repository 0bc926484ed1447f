"""Days, or the weeks or months that they are added up to when they are many."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Literal

from airflow_provider_hvsms.reports import formatting
from airflow_provider_hvsms.reports.numbers import Day, Outcomes, sum_outcomes

MAX_DAYS = 62
MAX_DAYS_IN_WEEKS = 371

Unit = Literal["day", "week", "month"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Period:
    """A day, week or month.

    :param first: its first day within the window.
    :param label: short, for an axis.
    :param inbound: messages that were received.
    """

    first: date
    label: str
    outbound: Outcomes
    inbound: int

    @property
    def replies_per_hundred(self) -> float | None:
        """Inbound messages for each hundred outbound ones; `None` without outbound ones."""
        sent = self.outbound.total.count
        return 100 * self.inbound / sent if sent else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeline:
    """The window in periods of one unit."""

    unit: Unit
    periods: tuple[Period, ...]


def timeline(days: Sequence[Day]) -> Timeline:
    """Days up to two months, weeks from Monday up to a year, then months: so many bars can still be told apart."""
    if len(days) <= MAX_DAYS:
        return _grouped(days, "day", lambda day: day, formatting.short_day)
    if len(days) <= MAX_DAYS_IN_WEEKS:
        return _grouped(days, "week", lambda day: day - timedelta(days=day.weekday()), formatting.short_day)
    return _grouped(days, "month", lambda day: day.replace(day=1), formatting.short_month)


def _grouped(
    days: Sequence[Day], unit: Unit, begin_of: Callable[[date], date], label: Callable[[date], str]
) -> Timeline:
    periods = []
    for _, group in itertools.groupby(days, key=lambda day: begin_of(day.day)):
        members = list(group)
        first = members[0].day
        periods.append(
            Period(
                first=first,
                label=label(first),
                outbound=sum_outcomes(day.outbound for day in members),
                inbound=sum(day.inbound for day in members),
            )
        )
    return Timeline(unit=unit, periods=tuple(periods))
