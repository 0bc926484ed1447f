"""A half-open span of time."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.errors import InvalidRequest


@dataclasses.dataclass(frozen=True)
class Window:
    """The span `[start, end)` on a record's `creationTime`, both in UTC.

    The service filters to the millisecond, so both ends are cut down to it: windows that meet still meet, and none
    overlaps the next.

    :raises InvalidRequest: an end has no time zone, or nothing lies between the two.
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
        """`dateFrom` and `dateTo` as the service reads them."""
        return {"dateFrom": _on_the_wire(self.start), "dateTo": _on_the_wire(self.end)}

    def __str__(self) -> str:
        return f"[{_on_the_wire(self.start)}, {_on_the_wire(self.end)})"


def _to_utc(name: str, moment: datetime) -> datetime:
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InvalidRequest(
            f"{name} ({moment.isoformat()}) has no time zone: add one, for example "
            f"{moment.replace(tzinfo=UTC).isoformat()}."
        )
    in_utc = moment.astimezone(UTC)
    milliseconds = in_utc.microsecond // 1000
    # A plain datetime, also of Airflow's pendulum one, whose differences cannot be divided by plain ones.
    return datetime.combine(in_utc.date(), in_utc.time().replace(microsecond=milliseconds * 1000), UTC)


def _on_the_wire(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
