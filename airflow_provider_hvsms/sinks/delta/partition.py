"""How a table is partitioned: by the day of a time that no record ever changes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sinks.schema import Layout

_PARTITIONS = {"creation_time": "creation_day", "window_start": "window_day"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOURS_A_DAY = 24


@dataclasses.dataclass(frozen=True)
class Partition:
    """The partition column of a table, of type date.

    Within a day, rows are merged hour by hour. Hours are counted from 1970 in UTC.

    :param name: the partition column.
    :param source: the column whose day it holds.
    """

    name: str
    source: str

    @staticmethod
    def of(layout: Layout[Any]) -> Partition | None:
        """The partition of a resource's table; `None` if its records have no time, as opt-outs."""
        found = [Partition(_PARTITIONS[name], name) for name in layout.names if name in _PARTITIONS]
        return found[0] if found else None


def check_partition_by(partition_by: str, layout: Layout[Any]) -> None:
    """Check that a table is partitioned as the user wants it.

    :raises InvalidRequest: it cannot be.
    """
    if partition_by != "day":
        raise InvalidRequest(
            f"partition_by is {partition_by!r}, and format is 'delta', whose tables are partitioned by day. "
            "Leave partition_by out."
        )
    if Partition.of(layout) is None:
        raise InvalidRequest(
            f"partition_by is {partition_by!r}, but these records have no time. Leave partition_by out."
        )


def day_of(hour: int) -> date:
    """The day of an hour."""
    return (_EPOCH + timedelta(hours=hour)).date()


def hour_of(moment: datetime) -> int:
    """The hour of a time."""
    return (moment - _EPOCH) // timedelta(hours=1)


def hours_of(times: Any, arrow: Any) -> Any:
    """The hours of an array of times."""
    compute = arrow.compute
    floored = compute.floor_temporal(times, unit="hour").cast(arrow.int64())
    return compute.divide(floored, arrow.scalar(3_600_000_000, arrow.int64()))
