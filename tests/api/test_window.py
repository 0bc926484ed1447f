"""A window is a half-open interval in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pendulum
import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.window import Window

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_the_ends_are_sent_in_utc_with_milliseconds() -> None:
    paris = timezone(timedelta(hours=1))
    window = Window(NOON.astimezone(paris), NOON + timedelta(days=1, microseconds=123_999))
    assert window.as_parameters() == {"dateFrom": "2026-11-01T12:00:00.000Z", "dateTo": "2026-11-02T12:00:00.123Z"}


def test_adjacent_windows_remain_adjacent_when_truncated() -> None:
    between = NOON + timedelta(hours=1, microseconds=1_999)
    before, after = Window(NOON, between), Window(between, NOON + timedelta(hours=2))
    assert before.end == after.start


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"2026-11-01T12.*2026-11-01T11"):
        Window(NOON, NOON - timedelta(hours=1))


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        Window(NOON, NOON)


@pytest.mark.parametrize("side", ["date_from", "date_to"])
def test_a_date_without_a_time_zone_is_refused_and_named(side: str) -> None:
    naive = datetime(2026, 11, 1)  # noqa: DTZ001 - the point
    ends = {"date_from": NOON, "date_to": NOON + timedelta(days=1), side: naive}
    with pytest.raises(InvalidRequest, match=f"{side}.*no time zone"):
        Window(ends["date_from"], ends["date_to"])


def test_pendulum_datetimes_become_plain_ones() -> None:
    window = Window(pendulum.datetime(2026, 11, 1), pendulum.datetime(2026, 11, 2))
    assert (type(window.start), type(window.end), type(window.length)) == (datetime, datetime, timedelta)
    assert window.length / timedelta(hours=1) == 24
