"""A machine whose clock is wrong sends nothing: by the time of an intent its batch is looked for."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import ClockDiffers
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.campaigns.match import CLOCK_DIFFERENCE

log = logging.getLogger(__name__)

MAX_DIFFERENCE = CLOCK_DIFFERENCE / 2
"""From the service's clock, so that those of two workers differ by `CLOCK_DIFFERENCE` at most."""

_LONG_AGO = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC))
"""Past, however wrong the clock is."""


def learn_time(client: MessageStoreClient) -> None:
    """Make one request if no answer to the client has told the service's time yet."""
    if client.clock_difference is None:
        next(client.batch_pages(_LONG_AGO, per_page=1, on_invalid="quarantine"), None)
        if client.clock_difference is None:
            log.warning("The service's answer has no date, so this machine's clock cannot be checked.")


def check_clock(client: MessageStoreClient) -> None:
    """Compare this machine's clock with the service's, by the latest answer.

    :raises ClockDiffers: they differ by more than 2.5 minutes.
    """
    difference = client.clock_difference
    if difference is None or abs(difference) <= MAX_DIFFERENCE:
        return
    direction = "ahead of" if difference > timedelta() else "behind"
    seconds = timedelta(seconds=round(abs(difference).total_seconds()))
    raise ClockDiffers(
        f"The clock of this machine is {seconds} (hours:minutes:seconds) {direction} the service's. Nothing was sent, "
        "as a batch whose answer is lost could not be found again. Set the clock (NTP), or let the task run elsewhere."
    )
