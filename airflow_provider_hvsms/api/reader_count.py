"""How many threads are of use to read a window."""

from __future__ import annotations

import math

from airflow_provider_hvsms.api.quota.quota import UsageGroup
from airflow_provider_hvsms.api.transport import Transport

_MIN_LATENCY = 0.1
"""Seconds. Pages that arrive sooner are fetched about as fast as they are used, so one reader is enough."""

_SPARE_READERS = 1.5
"""Factor on the readers that use up the quota, as slices end at different times."""


def count_readers(transport: Transport, concurrency: int) -> int:
    """As many readers as use up the quota, and some to spare.

    :param concurrency: half of the most that are used.
    """
    sustainable = transport.sustainable_concurrency(UsageGroup.LIGHT)
    if sustainable <= 1 or transport.mean_latency < _MIN_LATENCY:
        return 1
    return math.ceil(min(2 * concurrency, _SPARE_READERS * sustainable))
