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
    """The partitions, named `creation_day=2026-11-02`, `creation_month=2026-11` or `creation_hour=2026-11-02T13`.

    A name holds the beginning of `creation_time` in UTC as ISO 8601. Hive and object stores escape none of its
    characters. Readers take a day for a date, and a month or an hour for a text, which sorts by time and is in no
    reader's time zone.

    :param unit: `day`, `month` or `hour`.
    :raises InvalidRequest: it is none of these.
    """

    unit: PartitionBy | str

    def __post_init__(self) -> None:
        check_choice("partition_by", self.unit, get_args(PartitionBy))

    @property
    def prefix(self) -> str:
        """What the names of all partitions begin with."""
        return f"creation_{self.unit}="

    def name_of(self, moment: datetime) -> str:
        """The name of the partition of a moment in UTC."""
        return self.prefix + moment.isoformat()[: _ISO_LENGTHS[self.unit]]

    def names_in(self, window: Window, *, begun_by: datetime) -> list[str]:
        """The partitions of a window that began before a moment, in order."""
        begun = itertools.takewhile(lambda start: start < min(window.end, begun_by), self._starts(window.start))
        return [self.name_of(start) for start in begun]

    def covers(self, window: Window, name: str) -> bool:
        """Whether a partition lies in a window that `check` accepts."""
        return self.name_of(window.start) <= name < self.name_of(window.end)

    def check(self, window: Window) -> None:
        """Check that a window covers each of its partitions as a whole.

        :raises InvalidRequest: naming the partitions that it cuts.
        """
        cut = [self.name_of(end) for end in (window.start, window.end) if end != self._start_of(end)]
        if cut:
            raise InvalidRequest(
                f"The window {window} covers only a part of {' and of '.join(dict.fromkeys(cut))}, but a load with "
                f"partition_by={self.unit!r} replaces each {self.unit} (UTC) as a whole. Nothing was read or written. "
                f"Instead, {_REMEDIES[self.unit]}."
            )

    def _start_of(self, moment: datetime) -> datetime:
        return moment.replace(**_FIRST[self.unit])

    def _starts(self, start: datetime) -> Iterator[datetime]:
        """The starts of all partitions from one on."""
        while True:
            yield start
            start = self._start_of(start + _LONGEST[self.unit])


def is_partition(name: str) -> bool:
    """Whether a folder may be a partition of any unit."""
    return name.startswith(tuple(Partitions(unit).prefix for unit in get_args(PartitionBy)))


def check_partitioned(layout: Layout[Any]) -> None:
    """Check that the rows of a layout can be partitioned.

    :raises InvalidRequest: they have no time of creation.
    """
    if PARTITIONED_COLUMN not in layout.names:
        raise InvalidRequest(
            "partition_by is given, but these records have no creation_time: only messages and batches have one. Leave "
            "partition_by out, and template the path instead, for example with {{ data_interval_start | ds }}."
        )
