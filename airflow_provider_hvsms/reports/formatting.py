"""Numbers, dates and amounts as English text."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

MISSING = "–"
"""What is shown where there is no value."""

_SPACE = "\N{NO-BREAK SPACE}"
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SCALES = ((1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


def count(number: int) -> str:
    """For example `12,345`."""
    return f"{number:,}"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """For example `1 message` or `12,345 messages`."""
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"


def short_number(number: float) -> str:
    """A number for the label of an axis: `950`, `1.5k`, `12M`, `3B`."""
    for scale, letter in _SCALES:
        if abs(number) >= scale:
            return f"{number / scale:.3g}{letter}"
    return f"{number:.3g}"


def percent(part: float | None) -> str:
    """For example `97.1 %`. `100 %` is all and `0 %` is none: what is close to them is shown otherwise."""
    if part is None:
        return MISSING
    if part in {0, 1}:
        return f"{part:.0%}".replace("%", f"{_SPACE}%")
    if 0 < part < 0.001:
        return f"<{_SPACE}0.1{_SPACE}%"
    if 0.999 < part < 1:
        return f">{_SPACE}99.9{_SPACE}%"
    return f"{part:.1%}".replace("%", f"{_SPACE}%")


def share(part: int, whole: int) -> str:
    """The part of a whole in percent; no value if the whole is zero."""
    return percent(part / whole if whole else None)


def dollars(amount: Decimal | None) -> str:
    """For example `$1,234.50`; an amount under a cent keeps what makes it more than zero."""
    if amount is None:
        return MISSING
    return f"${amount:,.4f}" if 0 < abs(amount) < Decimal("0.01") else f"${amount:,.2f}"


def unit_price(amount: Decimal | None) -> str:
    """The cost of one message, which is mostly less than a cent: `$0.0085`."""
    return MISSING if amount is None else f"${amount:,.4f}"


def decimal(number: float | None) -> str:
    """For example `1.27`."""
    return MISSING if number is None else f"{number:,.2f}"


def day(value: date) -> str:
    """For example `3 March 2026`."""
    return f"{value.day}{_SPACE}{_MONTHS[value.month - 1]} {value.year}"


def short_day(value: date) -> str:
    """For example `3 Mar`."""
    return f"{value.day}{_SPACE}{_MONTHS[value.month - 1][:3]}"


def short_month(value: date) -> str:
    """For example `Mar 2026`."""
    return f"{_MONTHS[value.month - 1][:3]}{_SPACE}{value.year}"


def moment(value: datetime) -> str:
    """For example `3 March 2026, 14:05 UTC`."""
    utc = value.astimezone(UTC)
    return f"{day(utc)}, {utc:%H:%M}{_SPACE}UTC"


def window(start: datetime, end: datetime) -> str:
    """Whole days as `1 March 2026 to 31 March 2026 (UTC)`, and other windows with their times."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if not start.time() == end.time() == time():
        return f"{moment(start)}, to {moment(end)}"
    last = end - timedelta(days=1)
    return f"{day(start)} (UTC)" if last <= start else f"{day(start)} to {day(last)} (UTC)"
