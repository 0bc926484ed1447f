"""Values of a database -> numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from airflow_provider_hvsms.api.errors import UnsuitableDatabase
from airflow_provider_hvsms.api.outcomes import outcome_of
from airflow_provider_hvsms.reports.numbers import Outcomes, Tally

INBOUND = "Inbound"
"""The direction of what was received. Any other message counts as outbound."""

_MICRODOLLAR = Decimal("0.000001")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Total:
    """The messages of one direction, status and error code.

    :param day: as the database returned it; `None` if they are not grouped by day.
    """

    day: Any
    direction: str | None
    status: str | None
    code: str | None
    tally: Tally

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(**{outcome_of(self.status, self.code): self.tally})


def as_total(row: Sequence[Any]) -> Total:
    day, direction, status, code, *sums = row
    return Total(day=day, direction=direction, status=status, code=code, tally=as_tally(*sums))


def as_tally(count: Any, cost: Any, segments: Any) -> Tally:
    return Tally(count=int(count or 0), cost=as_decimal(cost), segments=int(segments or 0))


def as_decimal(cost: Any) -> Decimal:
    """A sum of costs. Some databases add floating-point numbers, whose last digits are noise."""
    return Decimal(cost).quantize(_MICRODOLLAR) if cost else Decimal()


def as_date(day: Any) -> date | None:
    """A day as drivers return it: a date, a datetime, or a text that begins with one.

    :raises UnsuitableDatabase: it is none of these.
    """
    match day:
        case None:
            return None
        case datetime():
            return day.date()
        case date():
            return day
    try:
        return date.fromisoformat(str(day)[:10])
    except ValueError:
        raise UnsuitableDatabase(
            "The database answers CAST(creation_time AS DATE) with something that is no date. Nothing was written. "
            'Leave "day" out of group_by.'
        ) from None


def sum_of(values: Any) -> sa.ColumnElement[Any]:
    """A sum as the driver returns it: SQLAlchemy would make a float of a decimal on the way."""
    return sa.func.sum(values, type_=sa.types.NullType())
