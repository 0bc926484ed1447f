"""Numbers, dates and waiting times in the headers of a response."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from datetime import UTC, datetime


def number(headers: Mapping[str, str], name: str) -> float | None:
    """A header's value if it is finite and not negative, otherwise `None`."""
    try:
        value = float(headers.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or as a date (RFC 9110); `None` without a usable value."""
    seconds = number(headers, "Retry-After")
    if seconds is not None:
        return seconds
    date = moment(headers, "Retry-After")
    return None if date is None else max(0.0, (date - datetime.now(UTC)).total_seconds())


def moment(headers: Mapping[str, str], name: str) -> datetime | None:
    """A header's value if it is a date (RFC 9110), aware; otherwise `None`."""
    try:
        date = email.utils.parsedate_to_datetime(headers.get(name, ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
