"""Assets whose watchers have equal arguments share one trigger in Airflow; each gets its events all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.end_to_end.airflow_processes import RunningAirflow
from tests.end_to_end.following import wait_until_followed

DAGS = """
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchCompletedEventTrigger

for name in ("first", "second"):
    asset = Asset(
        f"{name}_asset",
        watchers=[AssetWatcher(name=name, trigger=HvsmsBatchCompletedEventTrigger(poll_interval=0.5))],
    )
    with DAG(name, schedule=asset) as dag:

        @task
        def noted():
            return 1

        noted()
    globals()[name] = dag
"""


@pytest.fixture(scope="module")
def store() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=100, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Path:
    folder = airflow_home / "dags"
    folder.mkdir()
    (folder / "two_assets.py").write_text(DAGS)
    return folder


@pytest.fixture(scope="module")
def airflow_connections(store: Sandbox) -> dict[str, Any]:
    return {"hvsms_default": store.airflow_connection}


@pytest.fixture(scope="module")
def airflow_environment() -> dict[str, str]:
    """Both DAGs run from the start, so that both assets are watched from the same moment on."""
    return {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}


def test_two_assets_with_equal_watchers_each_get_an_event_for_each_batch(
    running_airflow: RunningAirflow, store: Sandbox
) -> None:
    airflow = running_airflow
    wait_until_followed(airflow, store, "first_asset", "second_asset")
    batch_ids = [store.store.start_batch(size=3, seconds=0, rejected=0) for _ in range(2)]
    airflow.wait_until(lambda: len(airflow.asset_events()) >= 4, 120, "there are two events for each asset")
    seen = sorted((event["name"], event["extra"]["payload"]["id"]) for event in airflow.asset_events())
    assert seen == sorted((f"{name}_asset", one) for name in ("first", "second") for one in batch_ids)
    for dag_id in ("first", "second"):
        airflow.wait_until(lambda: "success" in airflow.runs(dag_id).values(), 120, f"{dag_id} ran")  # noqa: B023 - it is over in the loop
    assert "concrete inlets" not in airflow.log_of("triggerer")
