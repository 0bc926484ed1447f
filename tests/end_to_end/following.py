"""When a watcher of completed batches has begun, so that what completes from then on makes an event."""

from __future__ import annotations

from airflow_provider_hvsms.sandbox import Sandbox
from tests.end_to_end.airflow_processes import KEEPS_PLACE, RunningAirflow


def wait_until_followed(airflow: RunningAirflow, store: Sandbox, *assets: str) -> None:
    """Wait until the watcher of these assets has begun."""
    looks = store.counters.requests["batches"]
    # It begins with the newest look that it has at hand, which is later than the first one on a busy machine.
    airflow.wait_until(lambda: store.counters.requests["batches"] > looks + 10, 120, "the watcher looks at batches")
    if KEEPS_PLACE:
        for asset in assets:
            airflow.wait_until(lambda: bool(airflow.asset_state(asset)), 60, f"{asset} is followed")  # noqa: B023 - it is over in the loop
