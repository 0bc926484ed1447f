"""Batches are waited for in a real Airflow, and DAGs start by themselves when one completes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.end_to_end.airflow_processes import CHECKOUT, KEEPS_PLACE, RunningAirflow
from tests.end_to_end.following import wait_until_followed

EXAMPLES = ("hvsms_wait_for_batch", "hvsms_completed_batches")
ASSET = "hvsms_completed_batches"


@pytest.fixture(scope="module")
def store() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=100, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Path:
    """The examples, polling every half second instead of every minute."""
    folder = airflow_home / "dags"
    folder.mkdir()
    for name in EXAMPLES:
        text = (CHECKOUT / "dags_examples" / f"{name}.py").read_text()
        (folder / f"{name}.py").write_text(re.sub(r"(poke_interval|poll_interval)=\d+", r"\1=0.5", text))
    return folder


@pytest.fixture(scope="module")
def airflow_connections(store: Sandbox, airflow_home: Path) -> dict[str, Any]:
    return {
        "hvsms_default": store.airflow_connection,
        "warehouse": {"conn_type": "sqlite", "host": str(airflow_home / "warehouse.sqlite")},
    }


def start_waiting(airflow: RunningAirflow, batch_id: str) -> str:
    airflow.unpause("hvsms_wait_for_batch")
    run_id = airflow.trigger("hvsms_wait_for_batch", conf={"batch_id": batch_id})
    airflow.wait_until_deferred("hvsms_wait_for_batch", run_id, "wait_for_batch")
    return run_id


def wait_for_success(airflow: RunningAirflow, dag_id: str, run_id: str) -> None:
    airflow.wait_until(lambda: airflow.run_state(dag_id, run_id) in ("success", "failed"), 180, f"{run_id} has ended")
    assert airflow.run_state(dag_id, run_id) == "success"


def loaded(airflow_home: Path) -> dict[str, int]:
    with closing(sqlite3.connect(airflow_home / "warehouse.sqlite")) as warehouse:
        return dict(warehouse.execute("SELECT batch_id, count(*) FROM hvsms_batch_messages GROUP BY 1").fetchall())


def test_a_deferred_sensor_leaves_its_slot_and_what_follows_runs_when_the_batch_completes(
    running_airflow: RunningAirflow, store: Sandbox, airflow_home: Path
) -> None:
    batch_id = store.store.start_batch(size=20, seconds=None, rejected=0)
    run_id = start_waiting(running_airflow, batch_id)
    running_airflow.wait_until(lambda: running_airflow.slots("running") == 0, 60, "no slot is in use")
    store.store.complete_batch(batch_id)
    wait_for_success(running_airflow, "hvsms_wait_for_batch", run_id)
    [batch] = running_airflow.xcom("hvsms_wait_for_batch", run_id, "wait_for_batch")
    assert (batch["id"], batch["status"]) == (batch_id, "Completed")
    assert loaded(airflow_home)[batch_id] == 20


def test_every_sensor_ends_once_though_the_triggerer_was_killed_meanwhile(
    running_airflow: RunningAirflow, store: Sandbox, airflow_home: Path
) -> None:
    batch_ids = [store.store.start_batch(size=5, seconds=None, rejected=0) for _ in range(3)]
    runs = [start_waiting(running_airflow, batch_id) for batch_id in batch_ids]
    running_airflow.kill("triggerer")
    for batch_id in batch_ids:
        store.store.complete_batch(batch_id)
    running_airflow.start("triggerer")
    for run_id in runs:
        wait_for_success(running_airflow, "hvsms_wait_for_batch", run_id)
        tries = running_airflow.tasks("hvsms_wait_for_batch", run_id)["wait_for_batch"]["try_number"]
        assert tries == 1
    assert {batch_id: loaded(airflow_home)[batch_id] for batch_id in batch_ids} == dict.fromkeys(batch_ids, 5)


def test_a_dag_runs_once_for_each_completed_batch_also_across_a_killed_triggerer(
    running_airflow: RunningAirflow, store: Sandbox, airflow_home: Path
) -> None:
    airflow = running_airflow
    airflow.unpause("hvsms_completed_batches")
    wait_until_followed(airflow, store, ASSET)

    def complete_one() -> str:
        batch_id = store.store.start_batch(size=7, seconds=None, rejected=0)
        before, place = len(airflow.asset_events()), airflow.asset_state(ASSET)
        store.store.complete_batch(batch_id)
        airflow.wait_until(lambda: len(airflow.asset_events()) > before, 120, f"there is an event for {batch_id}")
        airflow.wait_until(
            lambda: set(airflow.runs("hvsms_completed_batches").values()) == {"success"}
            and batch_id in loaded(airflow_home),
            180, f"{batch_id} is loaded",
        )  # fmt: skip
        if KEEPS_PLACE:
            airflow.wait_until(lambda: airflow.asset_state(ASSET) != place, 60, f"{batch_id} is noted")
        return batch_id

    completed = [complete_one(), complete_one()]
    airflow.kill("triggerer")
    if KEEPS_PLACE:
        missed = store.store.start_batch(size=7, seconds=None, rejected=0)
        store.store.complete_batch(missed)
    airflow.start("triggerer")
    if KEEPS_PLACE:
        airflow.wait_until(lambda: loaded(airflow_home).get(missed) == 7, 180, "what completed meanwhile is loaded")
        completed.append(missed)
    wait_until_followed(airflow, store, ASSET)
    completed.append(complete_one())
    events = [event["extra"]["payload"]["id"] for event in airflow.asset_events()]
    assert sorted(events) == sorted(completed)
    assert len(airflow.runs("hvsms_completed_batches")) == len(completed)
