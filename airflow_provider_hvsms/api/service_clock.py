"""The service's clock, as the `Date` of its answers tells it (RFC 9110)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from airflow_provider_hvsms.api.headers import moment

_PRECISION = timedelta(seconds=1)
"""A date has no fractions of a second."""


class ServiceClock:
    """Compares this machine's clock with the service's at each answer."""

    def __init__(self) -> None:
        self.difference: timedelta | None = None
        """How far this machine's clock is ahead, negative if it is behind; `None` before the first answer with a date.

        It is zero if the date lies between request and answer.
        """

    def answered(self, headers: Mapping[str, str], *, sent_at: datetime, answered_at: datetime) -> None:
        """Compare the clocks.

        :param sent_at: when the request left; aware, by this machine's clock.
        :param answered_at: when its answer was read.
        """
        date = moment(headers, "Date")
        if date is None:
            return
        if date + _PRECISION < sent_at:
            self.difference = sent_at - date
        else:
            self.difference = min(timedelta(), answered_at - date)
