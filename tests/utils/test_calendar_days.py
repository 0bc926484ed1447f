"""Windows of days meet all the year round, in zones with daylight saving too."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.utils.data_interval import WindowArguments

DAY = timedelta(days=1)

CHANGES = [
    # zone, its days of 23 hours, its days of 25 hours
    ("Europe/Berlin", ["2026-03-29"], ["2026-10-25"]),
    ("America/New_York", ["2026-03-08"], ["2026-11-01"]),
    # Midnight itself is skipped in spring, and occurs twice in autumn: then Airflow's day begins with the second.
    ("America/Havana", ["2026-03-08"], ["2026-10-31"]),
    ("America/Santiago", ["2026-09-06"], ["2026-04-04"]),
    ("Asia/Kolkata", [], []),
    ("UTC", [], []),
]


def dag_in(zone: str, *, by: str = "start date") -> DAG:
    """A DAG whose time zone is that of its start date, or that of its timetable."""
    if by == "start date":
        return DAG("d", schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz=zone))
    timetable: Any = CronDataIntervalTimetable("@daily", timezone=zone)
    return DAG("d", schedule=timetable, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))


def midnights_of_2026(dag: DAG, zone: str) -> list[datetime]:
    """When Airflow itself schedules a daily DAG, in UTC as a run has it."""
    timetable = CronDataIntervalTimetable("@daily", timezone=zone)
    found: list[datetime] = [pendulum.datetime(2026, 1, 1, tz=zone).in_timezone("UTC")]
    while len(found) < 366:
        found.append(timetable._get_next(pendulum.instance(found[-1])))
    return found


@pytest.mark.parametrize("by", ["start date", "timetable"])
@pytest.mark.parametrize(("zone", "short", "long"), CHANGES, ids=[zone for zone, _, _ in CHANGES])
def test_windows_of_a_day_meet_all_the_year_round(zone: str, short: list[str], long: list[str], by: str) -> None:
    dag = dag_in(zone, by=by)
    ends = midnights_of_2026(dag, zone)
    windows = [WindowArguments(window=DAY).resolve({"dag": dag, "data_interval_end": end}) for end in ends[1:]]
    assert [window.end for window in windows[:-1]] == [window.start for window in windows[1:]]
    assert windows[0].start == ends[0]
    days = {pendulum.instance(w.start).in_timezone(zone).to_date_string(): w.length for w in windows}
    assert len(days) == 365
    assert [day for day, length in days.items() if length == timedelta(hours=23)] == short
    assert [day for day, length in days.items() if length == timedelta(hours=25)] == long


@pytest.mark.parametrize(("zone", "short", "long"), CHANGES, ids=[zone for zone, _, _ in CHANGES])
def test_a_lookback_of_days_reaches_back_to_a_midnight(zone: str, short: list[str], long: list[str]) -> None:
    dag = dag_in(zone)
    ends = midnights_of_2026(dag, zone)
    for before, start, end in zip(ends, ends[2:], ends[3:], strict=False):
        context = {"dag": dag, "data_interval_start": start, "data_interval_end": end}
        assert WindowArguments(lookback=2 * DAY).resolve(context) == Window(before, end)
        assert WindowArguments(window=DAY, lookback=2 * DAY).resolve(context) == Window(before, end)
