"""Data interval -> the window that a task reads."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

import pendulum

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.utils.values import is_known

log = logging.getLogger(__name__)

_EXAMPLE = "2026-11-01T00:00:00+00:00"


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowArguments:
    """The arguments that say which window a task reads.

    :param date_from: start of the window (inclusive), aware, or ISO 8601 with a time zone; by default the data
        interval's start.
    :param date_to: end of the window (exclusive), likewise; by default the data interval's end. An end in the future is
        cut to now.
    :param window: instead of `date_from`: the length of the window that ends at `date_to`. Its whole days, as those of
        `lookback`, are calendar days in the time zone of the DAG's schedule: 23 or 25 hours when the clocks change.
    :param lookback: start the window this much earlier, to read again what has changed since: a message's status and
        cost keep changing for hours after its creation.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("date_from", "date_to")
    personal_fields: ClassVar[tuple[str, ...]] = ()

    date_from: Any = None
    date_to: Any = None
    window: timedelta | None = None
    lookback: timedelta | None = None

    def check_known(self) -> None:
        """Refuse what is known to be wrong without a run: to be called when the DAG is parsed.

        :raises InvalidRequest: naming the argument.
        """
        self._check_lengths()
        start = _optional_datetime("date_from", self.date_from) if is_known(self.date_from) else None
        end = _optional_datetime("date_to", self.date_to) if is_known(self.date_to) else None
        if start and end:
            Window(start, end)

    def resolve(self, context: Mapping[str, Any]) -> Window:
        """The window that a run stands for, with everything rendered; its end may lie in the future.

        :raises InvalidRequest: the window is empty, or there is no data interval to take it from.
        """
        self._check_lengths()
        zone = _zone_of(context)
        end = _optional_datetime("date_to", self.date_to) or _from_interval(context, "data_interval_end")
        if self.window is not None:
            start = _before(end, self.window, zone)
        else:
            start = _optional_datetime("date_from", self.date_from) or _from_interval(context, "data_interval_start")
            self._refuse_empty_interval(start, end)
        return Window(_before(start, self.lookback or timedelta(), zone), end)

    def _check_lengths(self) -> None:
        if self.window is not None and self.date_from is not None:
            raise InvalidRequest("date_from and window are both given: each of them sets the start, so leave one out.")
        _check_length("window", self.window, positive=True)
        _check_length("lookback", self.lookback, positive=False)

    def _refuse_empty_interval(self, start: datetime, end: datetime) -> None:
        if start >= end:
            which = "data interval" if self.date_from is None and self.date_to is None else "window"
            raise InvalidRequest(
                f"The {which} is empty: it starts at {start.isoformat()} and ends at {end.isoformat()}, so reading it "
                'would load nothing. Airflow 3 gives schedule="@daily" such intervals. Either schedule the DAG with '
                'CronDataIntervalTimetable("@daily", timezone="UTC"), or give the operator '
                "window=timedelta(days=1), which reads the window that ends at data_interval_end."
            )


def up_to_now(window: Window, *, now: datetime | None = None) -> Window:
    """The part of a window that has passed; the rest cannot be read yet, and the log says so.

    :raises InvalidRequest: all of it lies in the future.
    """
    now = now or datetime.now(UTC)
    if window.end <= now:
        return window
    if window.start >= now:
        raise InvalidRequest(f"The window {window} lies in the future: there is nothing to read in it before it began.")
    log.warning("The window %s ends in the future: it is read up to now, %s.", window, now.isoformat())
    return Window(window.start, now)


def as_utc_datetime(name: str, value: datetime | str) -> datetime:
    """An argument as a datetime in UTC.

    :param value: aware, or ISO 8601 with a time zone.
    :raises InvalidRequest: it is neither.
    """
    moment = _parse(name, value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise InvalidRequest(f"{name} is {value!r}, which is no date and time: give a datetime, or {_EXAMPLE}.")
    if moment.utcoffset() is None:
        raise InvalidRequest(f"{name} ({value}) has no time zone: add one, for example {moment.isoformat()}+00:00.")
    try:
        # Python compares datetimes of one zone by their local time, which repeats when the clocks go back.
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(f"{name} ({value}) lies outside the years 1 to 9999 in UTC.") from None


def _optional_datetime(name: str, value: datetime | str | None) -> datetime | None:
    return None if value is None else as_utc_datetime(name, value)


def _parse(name: str, value: str) -> object:
    try:
        return pendulum.parse(value, tz=None)
    except ValueError:
        raise InvalidRequest(
            f"{name} is {value!r}, which is no date and time: it must look like {_EXAMPLE}. "
            "A template that rendered to nothing looks like '' or 'None'."
        ) from None


def _from_interval(context: Mapping[str, Any], name: str) -> datetime:
    moment = context.get(name)
    if not isinstance(moment, datetime):
        raise InvalidRequest(
            f"This run has no {name}, as is so when it was started by hand or by an asset: give date_from and date_to."
        )
    return moment.astimezone(UTC)


def _zone_of(context: Mapping[str, Any]) -> Any:
    """The time zone in which the DAG's days begin: its schedule's, or else the DAG's."""
    dag = context.get("dag")
    timetable = getattr(dag, "timetable", None)
    # Public in Airflow 3's schedules of DAG files, private in the others.
    zones = (getattr(timetable, name, None) for name in ("timezone", "_timezone"))
    return next(filter(None, zones), None) or getattr(dag, "timezone", None) or "UTC"


def _before(end: datetime, length: timedelta, zone: Any) -> datetime:
    """`end` minus `length`, whose whole days are calendar days of the zone."""
    there = pendulum.instance(end).in_timezone(zone)
    own_zone: Any = there.timezone
    local = datetime.combine(there.date(), there.time())
    midnight = datetime.combine(there.date(), time())
    if own_zone.convert(midnight.replace(fold=1)) == there:
        local = midnight  # also where daylight saving skips it and the day begins at one o'clock
    plain = timedelta(seconds=length.total_seconds())  # a pendulum Duration has other days
    days = timedelta(days=plain.days)
    # Of a local time that occurs twice the second, and after one that is skipped: as in Airflow's schedules.
    start: datetime = own_zone.convert((local - days).replace(fold=1))
    return start.astimezone(UTC) - (plain - days)


def _check_length(name: str, length: Any, *, positive: bool) -> None:
    if length is None:
        return
    if not isinstance(length, timedelta):
        raise InvalidRequest(f"{name} is {length!r}; it must be a timedelta.")
    if length < timedelta() or (positive and not length):
        raise InvalidRequest(f"{name} is {length}; it must be {'longer than zero' if positive else 'zero or longer'}.")
