"""A load in a worker emits its lineage, and starts the DAG that its asset schedules."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.end_to_end.airflow_processes import CHECKOUT, RunningAirflow

END = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def store() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=100, days=1, end=END, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Path:
    folder = airflow_home / "dags"
    folder.mkdir()
    shutil.copy(CHECKOUT / "dags_examples" / "hvsms_after_load.py", folder)
    return folder


@pytest.fixture(scope="module")
def airflow_connections(store: Sandbox, airflow_home: Path) -> dict[str, Any]:
    return {
        "hvsms_default": store.airflow_connection,
        "warehouse": {"conn_type": "sqlite", "host": str(airflow_home / "warehouse.sqlite")},
    }


@pytest.fixture(scope="module")
def airflow_environment(airflow_home: Path) -> dict[str, str]:
    transport = {"type": "file", "log_file_path": str(airflow_home / "events.jsonl"), "append": True}
    return {
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "60",
    }


def lines(airflow: RunningAirflow) -> list[str]:
    """What the runs of the second DAG have returned."""
    runs = [run for run, state in airflow.runs("hvsms_after_load").items() if state == "success"]
    return [line for run in runs for line in airflow.xcom("hvsms_after_load", run, "loaded")]


@pytest.fixture(scope="module")
def load(running_airflow: RunningAirflow) -> str:
    """The id of the run that has loaded the store's only day."""
    for dag_id in ("hvsms_after_load", "hvsms_load"):
        running_airflow.unpause(dag_id)
    # The run that is scheduled for yesterday.
    running_airflow.wait_until(lambda: len(lines(running_airflow)) == 1, 180, "both DAGs have run once")
    run_id = running_airflow.trigger("hvsms_load", logical_date=END)
    running_airflow.wait_until(
        lambda: running_airflow.run_state("hvsms_load", run_id) in ("success", "failed"), 180, "the load has ended"
    )
    assert running_airflow.run_state("hvsms_load", run_id) == "success"
    return run_id


def test_the_dag_that_a_load_starts_learns_what_was_loaded(running_airflow: RunningAirflow, load: str) -> None:
    running_airflow.wait_until(lambda: len(lines(running_airflow)) == 2, 120, "the second DAG has read the event")
    assert "2026-01-04T00:00:00+00:00 to 2026-01-05T00:00:00+00:00: 100 new, 0 changed" in lines(running_airflow)


def test_a_worker_emits_the_lineage_of_a_load(running_airflow: RunningAirflow, load: str) -> None:
    events = [json.loads(line) for line in (running_airflow.home / "events.jsonl").read_text().splitlines()]
    [event] = [
        one
        for one in events
        if (one["eventType"], one["job"]["name"]) == ("COMPLETE", "hvsms_load.load_messages")
        and one["run"]["facets"]["airflow"]["dagRun"]["run_id"] == load
    ]
    [source], [target] = event["inputs"], event["outputs"]
    assert (source["namespace"], source["name"]) == ("hvsms://~", "messages")
    assert source["inputFacets"]["inputStatistics"]["rowCount"] == 100
    assert target["namespace"] == f"sqlite://{running_airflow.home}/warehouse.sqlite"
    assert target["name"] == "hvsms_loaded_messages"
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == 100
