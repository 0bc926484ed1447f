"""Which folders a window covers, and which windows are refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.files.partitions import Partitions, check_partitioned
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, OPT_OUTS, STATUSES, Layout

LATER = datetime(2027, 1, 1, tzinfo=UTC)


def window(start: str, end: str) -> Window:
    return Window(datetime.fromisoformat(f"{start}+00:00"), datetime.fromisoformat(f"{end}+00:00"))


@pytest.mark.parametrize(
    ("unit", "start", "end", "names"),
    [
        ("hour", "2026-10-31T23", "2026-11-01T01", ["creation_hour=2026-10-31T23", "creation_hour=2026-11-01T00"]),
        ("day", "2026-02-28T00", "2026-03-02T00", ["creation_day=2026-02-28", "creation_day=2026-03-01"]),
        (
            "month",
            "2025-12-01T00",
            "2026-04-01T00",
            ["creation_month=2025-12", "creation_month=2026-01", "creation_month=2026-02", "creation_month=2026-03"],
        ),
    ],
)
def test_a_window_covers_each_of_its_partitions(unit: str, start: str, end: str, names: list[str]) -> None:
    partitions = Partitions(unit, window(start, end))
    assert partitions.names(begun_by=LATER) == names
    assert partitions.first == names[0]
    assert all(name in partitions for name in names)
    assert partitions.name_of(partitions.window.end) not in partitions


def test_partitions_that_have_not_begun_are_left_out() -> None:
    partitions = Partitions("day", window("2026-11-01T00", "2026-11-08T00"))
    noon = datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert partitions.names(begun_by=noon) == ["creation_day=2026-11-01", "creation_day=2026-11-02"]


@pytest.mark.parametrize(
    ("unit", "start", "end", "cut", "remedy"),
    [
        ("day", "2026-11-01T05:00", "2026-11-02T00:00", "creation_day=2026-11-01", "partition_by='hour'"),
        ("day", "2026-11-01T00:00", "2026-11-02T05:00", "creation_day=2026-11-02", "partition_by='hour'"),
        (
            "day",
            "2026-11-01T05:00",
            "2026-11-02T05:00",
            "creation_day=2026-11-01 and of creation_day=2026-11-02",
            "whole days in UTC",
        ),
        ("month", "2026-11-01T00:00", "2026-11-02T00:00", "creation_month=2026-11", "partition_by='day'"),
        ("hour", "2026-11-01T05:00", "2026-11-01T06:00:00.001", "creation_hour=2026-11-01T06", "whole hours"),
    ],
)
def test_a_window_that_cuts_a_partition_is_refused(unit: str, start: str, end: str, cut: str, remedy: str) -> None:
    cutting = window(start, end)
    with pytest.raises(InvalidRequest) as error:
        Partitions(unit, cutting)
    assert f"The window {cutting} covers only a part of {cut}, but" in str(error.value)
    assert remedy in str(error.value)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="partition_by is 'week'; it must be one of 'day', 'month', 'hour'"):
        Partitions("week", window("2026-11-01T00", "2026-11-08T00"))


@pytest.mark.parametrize("layout", [MESSAGES, BATCHES])
def test_messages_and_batches_can_be_partitioned(layout: Layout[object]) -> None:
    check_partitioned(layout)


@pytest.mark.parametrize("layout", [STATUSES, OPT_OUTS])
def test_records_without_a_time_of_creation_are_refused(layout: Layout[object]) -> None:
    with pytest.raises(InvalidRequest, match="no creation_time: only messages and batches"):
        check_partitioned(layout)
