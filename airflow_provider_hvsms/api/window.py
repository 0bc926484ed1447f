"""The time window that is read."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.errors import InvalidRequest


@dataclasses.dataclass(frozen=True)
class Window:
    """The half-open interval `[start, end)` of a record's `creationTime`.

    Both ends are converted to UTC and truncated to milliseconds, by which the service filters. Adjacent windows remain
    adjacent, and do not overlap.

    Example::

        day = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))

    :param start: aware; the first moment that is read.
    :param end: aware; the first moment that is no longer read.
    :raises InvalidRequest: an end has no time zone, or the window is empty.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _to_utc("date_from", self.start))
        object.__setattr__(self, "end", _to_utc("date_to", self.end))
        if self.start >= self.end:
            raise InvalidRequest(
                f"date_from ({self.start.isoformat()}) is not before date_to ({self.end.isoformat()}): "
                "the window is empty."
            )

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def as_parameters(self) -> dict[str, str]:
        """The query parameters `dateFrom` and `dateTo`."""
        return {"dateFrom": _as_text(self.start), "dateTo": _as_text(self.end)}

    def __str__(self) -> str:
        return f"[{_as_text(self.start)}, {_as_text(self.end)})"


def _to_utc(name: str, moment: datetime) -> datetime:
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InvalidRequest(
            f"{name} ({moment.isoformat()}) has no time zone: add one, for example "
            f"{moment.replace(tzinfo=UTC).isoformat()}."
        )
    in_utc = moment.astimezone(UTC)
    milliseconds = in_utc.microsecond // 1000
    # Plain datetimes, even where Airflow passes pendulum's: differences of those cannot be divided by plain ones.
    return datetime.combine(in_utc.date(), in_utc.time().replace(microsecond=milliseconds * 1000), UTC)


def _as_text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
