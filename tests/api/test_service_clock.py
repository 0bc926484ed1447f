"""The service's clock, by the dates of its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_hvsms.api.service_clock import ServiceClock

SENT_AT = datetime(2026, 11, 24, 3, 0, 0, 700_000, UTC)
ANSWERED_AT = SENT_AT + timedelta(seconds=40)


def difference(date: datetime) -> timedelta | None:
    clock = ServiceClock()
    clock.answered({"Date": format_datetime(date, usegmt=True)}, sent_at=SENT_AT, answered_at=ANSWERED_AT)
    return clock.difference


@pytest.mark.parametrize("after", [0, 20, 40], ids="{} s after the request".format)
def test_clocks_agree_if_the_date_lies_between_request_and_answer(after: int) -> None:
    assert difference(SENT_AT + timedelta(seconds=after)) == timedelta()


def test_a_clock_that_is_ahead_is_noticed() -> None:
    ahead = difference(SENT_AT - timedelta(hours=2))
    assert ahead is not None
    assert timedelta(hours=2) <= ahead < timedelta(hours=2, seconds=1)


def test_a_clock_that_is_behind_is_noticed() -> None:
    behind = difference(ANSWERED_AT + timedelta(hours=2))
    assert behind is not None
    assert -timedelta(hours=2) <= behind < -timedelta(hours=2) + timedelta(seconds=1)


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}], ids=["none", "no date"])
def test_an_answer_without_a_date_tells_nothing(headers: dict[str, str]) -> None:
    clock = ServiceClock()
    clock.answered(headers, sent_at=SENT_AT, answered_at=ANSWERED_AT)
    assert clock.difference is None
