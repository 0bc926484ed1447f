"""Which window a task reads follows from its arguments and its data interval."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.utils.data_interval import WindowArguments, up_to_now

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=1)
NOW = START + timedelta(days=30)
DAY = timedelta(days=1)
RUN = {"data_interval_start": START, "data_interval_end": END}


def window_of(context: dict[str, Any] = RUN, **arguments: Any) -> Window:
    return up_to_now(WindowArguments(**arguments).resolve(context), now=NOW)


def test_the_data_interval_is_the_default() -> None:
    assert window_of() == Window(START, END)


def test_dates_of_the_user_come_before_the_data_interval() -> None:
    assert window_of(date_from=START - DAY, date_to="2026-11-01T12:00:00+01:00") == Window(
        START - DAY, datetime(2026, 11, 1, 11, tzinfo=UTC)
    )


def test_one_date_of_the_user_goes_with_the_other_end_of_the_interval() -> None:
    assert window_of(date_from=START - DAY) == Window(START - DAY, END)


def test_a_window_ends_at_the_end_of_the_interval() -> None:
    assert window_of({"data_interval_start": END, "data_interval_end": END}, window=DAY) == Window(START, END)


def test_a_lookback_moves_the_start_back() -> None:
    assert window_of(lookback=timedelta(hours=6)) == Window(START - timedelta(hours=6), END)


def test_an_empty_data_interval_fails_with_both_remedies() -> None:
    with pytest.raises(InvalidRequest) as error:
        window_of({"data_interval_start": END, "data_interval_end": END})
    assert 'CronDataIntervalTimetable("@daily", timezone=' in str(error.value)
    assert "window=timedelta(days=1)" in str(error.value)


def test_an_empty_window_of_rendered_dates_names_the_remedies_too() -> None:
    with pytest.raises(InvalidRequest, match=r"window is empty.*CronDataIntervalTimetable.*window=timedelta"):
        window_of(date_from=END.isoformat(), date_to=END.isoformat())


def test_a_lookback_does_not_hide_that_the_data_interval_is_empty() -> None:
    with pytest.raises(InvalidRequest, match="data interval is empty"):
        window_of({"data_interval_start": END, "data_interval_end": END}, lookback=DAY)


def test_an_end_in_the_future_is_cut_to_now_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert window_of(date_to=NOW + DAY) == Window(START, NOW)
    assert "read up to now" in caplog.text


def test_a_window_that_lies_in_the_future_fails() -> None:
    with pytest.raises(InvalidRequest, match="future"):
        window_of(date_from=NOW + DAY, date_to=NOW + 2 * DAY)


def test_a_run_without_a_data_interval_says_what_to_give() -> None:
    with pytest.raises(InvalidRequest, match="no data_interval_end.*give date_from and date_to"):
        window_of({"data_interval_start": None, "data_interval_end": None})


def test_a_run_without_a_data_interval_can_be_given_dates() -> None:
    assert window_of({}, date_from=START, date_to=END) == Window(START, END)


@pytest.mark.parametrize("rendered", ["", "None", "yesterday", "P1D", "12"])
def test_a_template_that_rendered_to_no_date_fails_and_is_named(rendered: str) -> None:
    with pytest.raises(InvalidRequest, match=f"date_from.*{rendered!r}|date_from .*{rendered}"):
        window_of(date_from=rendered)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"date_from": END, "date_to": START}, "not before date_to"),
        ({"date_from": datetime(2026, 11, 1)}, "date_from .*no time zone"),  # noqa: DTZ001 - the point
        ({"date_to": "2026-11-01"}, "date_to .*no time zone"),
        ({"date_from": "soon"}, "date_from is 'soon'"),
        ({"date_from": START, "window": DAY}, "date_from and window are both given"),
        ({"window": timedelta()}, "window .*longer than zero"),
        ({"window": 86400}, "window .*timedelta"),
        ({"lookback": -DAY}, "lookback .*zero or longer"),
    ],
)
def test_what_is_known_to_be_wrong_is_refused_without_a_run(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        WindowArguments(**arguments).check_known()


def test_templates_are_not_judged_before_they_are_rendered() -> None:
    WindowArguments(date_from="{{ data_interval_start }}", date_to="{{ ds }}").check_known()


def dag(zone: str) -> dict[str, Any]:
    """The part of a context that holds the DAG's time zone."""
    return {"dag": DAG("dag", schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz=zone))}


@pytest.mark.parametrize(
    ("zone", "change", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 29), 23),
        ("Europe/Berlin", (2026, 10, 25), 25),
        ("America/New_York", (2026, 3, 8), 23),
        ("America/New_York", (2026, 11, 1), 25),
    ],
)
def test_windows_of_a_day_meet_when_the_clocks_change(zone: str, change: tuple[int, int, int], hours: int) -> None:
    midnights = [pendulum.datetime(*change, tz=zone).add(days=day) for day in range(-1, 4)]
    windows = [
        WindowArguments(window=DAY).resolve({**dag(zone), "data_interval_end": end.in_timezone("UTC")})
        for end in midnights
    ]
    assert all(before.end == after.start for before, after in pairwise(windows))
    assert windows[2].length == timedelta(hours=hours)


def test_a_lookback_of_a_day_reaches_back_a_calendar_day() -> None:
    midnight = pendulum.datetime(2026, 10, 26, tz="Europe/Berlin")
    run = {**dag("Europe/Berlin"), "data_interval_start": midnight, "data_interval_end": midnight.add(days=1)}
    assert WindowArguments(lookback=DAY).resolve(run).start == pendulum.datetime(2026, 10, 25, tz="Europe/Berlin")


def test_hours_of_a_window_are_hours_when_the_clocks_change() -> None:
    end = pendulum.datetime(2026, 10, 26, tz="Europe/Berlin")
    run = {**dag("Europe/Berlin"), "data_interval_end": end}
    assert WindowArguments(window=timedelta(hours=12)).resolve(run).length == timedelta(hours=12)


def test_the_days_of_a_window_are_those_of_the_schedule_before_those_of_the_dag() -> None:
    schedule = CronDataIntervalTimetable("@daily", timezone="Europe/Berlin")
    start = pendulum.datetime(2026, 1, 1, tz="UTC")
    end = pendulum.datetime(2026, 10, 26, tz="Europe/Berlin").in_timezone("UTC")
    run = {"dag": DAG("dag", schedule=schedule, start_date=start), "data_interval_end": end}
    assert WindowArguments(window=DAY).resolve(run).length == timedelta(hours=25)


def test_an_interval_in_the_hour_that_comes_twice_is_not_empty() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 25, 2, 30, tzinfo=zone)
    end = start.replace(fold=1)
    run = {"data_interval_start": start, "data_interval_end": end}
    assert WindowArguments().resolve(run).length == timedelta(hours=1)
    assert WindowArguments(date_from=start, date_to=end).resolve({}).length == timedelta(hours=1)
