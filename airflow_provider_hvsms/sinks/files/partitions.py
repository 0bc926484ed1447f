"""Folders of a lake by the time at which a record was created."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.schema import Layout

PartitionBy = Literal["day", "month", "hour"]

PARTITIONED_COLUMN = "creation_time"

_ISO_LENGTHS = {"month": len("2026-11"), "day": len("2026-11-02"), "hour": len("2026-11-02T13")}
_FIRST: dict[str, dict[str, Any]] = {
    "hour": {"minute": 0, "second": 0, "microsecond": 0},
    "day": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "month": {"day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
}
_LONGEST = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31)}
_REMEDIES = {
    "month": "set date_from and date_to to the first of a month at midnight UTC, or use partition_by='day'",
    "day": (
        "use a schedule, a window and a lookback of whole days in UTC, such as "
        'CronDataIntervalTimetable("@daily", timezone="UTC"), or partition_by=\'hour\''
    ),
    "hour": "use a schedule, a window and a lookback of whole hours",
}


@dataclasses.dataclass(frozen=True)
class Partitions:
    """The partitions of a window.

    They are named `creation_day=2026-11-02`, `creation_month=2026-11` or `creation_hour=2026-11-02T13`, by the
    beginning of `creation_time` in UTC as ISO 8601. Hive and object stores escape none of these characters. Readers
    take a day for a date, and a month or an hour for a text, which sorts by time and is in no reader's time zone.

    :param unit: `day`, `month` or `hour`.
    :param window: covers each of its partitions as a whole.
    :raises InvalidRequest: there is no such unit, or the window covers only a part of a partition.
    """

    unit: PartitionBy | str
    window: Window

    def __post_init__(self) -> None:
        check_choice("partition_by", self.unit, get_args(PartitionBy))
        cut = [self.name_of(end) for end in (self.window.start, self.window.end) if end != self._start_of(end)]
        if cut:
            raise InvalidRequest(
                f"The window {self.window} covers only a part of {' and of '.join(dict.fromkeys(cut))}, but a load "
                f"with partition_by={self.unit!r} replaces each {self.unit} (UTC) as a whole. Nothing was read or "
                f"written. Instead, {_REMEDIES[self.unit]}."
            )

    @property
    def first(self) -> str:
        return self.name_of(self.window.start)

    def name_of(self, moment: datetime) -> str:
        """The name of the partition of a moment in UTC."""
        return f"creation_{self.unit}={moment.isoformat()[: _ISO_LENGTHS[self.unit]]}"

    def names(self, *, begun_by: datetime) -> list[str]:
        """The partitions that began before a moment, in order."""
        end = min(self.window.end, begun_by)
        return [self.name_of(start) for start in itertools.takewhile(lambda start: start < end, self._starts())]

    def __contains__(self, name: str) -> bool:
        return self.first <= name < self.name_of(self.window.end)

    def _starts(self) -> Iterator[datetime]:
        """The starts of all partitions from the first one on."""
        start = self.window.start
        while True:
            yield start
            start = self._start_of(start + _LONGEST[self.unit])

    def _start_of(self, moment: datetime) -> datetime:
        return moment.replace(**_FIRST[self.unit])


def unit_of(name: str) -> str | None:
    """The unit of the partition that a folder's name stands for; `None` for other folders."""
    return next((unit for unit in get_args(PartitionBy) if name.startswith(f"creation_{unit}=")), None)


def check_partitioned(layout: Layout[Any]) -> None:
    """Check that the rows of a layout can be partitioned.

    :raises InvalidRequest: they have no time of creation.
    """
    if PARTITIONED_COLUMN not in layout.names:
        raise InvalidRequest(
            "partition_by is given, but these records have no creation_time: only messages and batches have one. Leave "
            "partition_by out, and template the path instead, for example with {{ data_interval_start | ds }}."
        )
