"""Waiting until a watcher of completed batches has started: each batch that completes later makes an event."""

from __future__ import annotations

from airflow_provider_hvsms.sandbox import Sandbox
from tests.end_to_end.airflow_processes import KEEPS_PLACE, RunningAirflow


def wait_until_followed(airflow: RunningAirflow, store: Sandbox, *assets: str) -> None:
    """Wait until the watcher of these assets has started."""
    polls = store.counters.requests["batches"]
    # It starts from its latest poll, which is later than the first one on a busy machine.
    airflow.wait_until(lambda: store.counters.requests["batches"] > polls + 10, 120, "the watcher polls batches")
    if KEEPS_PLACE:
        for asset in assets:
            airflow.wait_until(lambda: bool(airflow.asset_state(asset)), 60, f"{asset} is watched")  # noqa: B023 - it is over in the loop
