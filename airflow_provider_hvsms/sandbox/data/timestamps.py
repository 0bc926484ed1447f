"""Timestamps: microseconds since the epoch, the only form of time inside the sandbox's data."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII
)


def from_seconds(seconds: float) -> int:
    """Convert seconds since the epoch, or a duration in seconds."""
    return round(seconds * SECOND)


def from_datetime(value: datetime) -> int:
    """Convert an aware ``datetime``."""
    return (value - EPOCH) // timedelta(microseconds=1)


def to_datetime(timestamp: int) -> datetime:
    """Return the timestamp as an aware ``datetime`` in UTC."""
    return EPOCH + timedelta(microseconds=timestamp)


def to_text(timestamp: int) -> str:
    """Write a timestamp as the service does: UTC, microseconds and ``Z``."""
    seconds, micro = divmod(timestamp, SECOND)
    days, of_day = divmod(seconds, 86_400)
    return f"{_date(days)}{_time(of_day)}.{micro:06d}Z"


def parse(value: str) -> int:
    """Parse ISO 8601 with a time zone; digits past microseconds are dropped.

    :raises ValueError: for anything else.
    """
    found = _ISO.fullmatch(value)
    if found is None:
        raise ValueError(value)
    *fields, fraction, zone = found.groups()
    year, month, day, hour, minute, second = map(int, fields)
    micro = int((fraction or "0").ljust(6, "0")[:6])
    local = datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    return from_datetime(local) - _offset(zone)


def _offset(zone: str) -> int:
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    return (hours * 60 + minutes) * 60 * SECOND * (-1 if zone[0] == "-" else 1)


@lru_cache(maxsize=4096)
def _date(days: int) -> str:
    return (EPOCH + timedelta(days=days)).strftime("%Y-%m-%dT")


@lru_cache(maxsize=86_400)
def _time(of_day: int) -> str:
    return f"{of_day // 3600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}"
