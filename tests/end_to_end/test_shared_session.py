"""Tasks that run at once in processes of their own share one session, by way of Airflow's Execution API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.end_to_end.airflow_processes import RunningAirflow

DAG = """
from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_hvsms.operators.hvsms import HvsmsGetStatusesOperator

END = datetime.fromisoformat("{end}")

with DAG("eight_at_once", schedule=None):
    HvsmsGetStatusesOperator.partial(task_id="statuses", date_to=END).expand(
        date_from=[END - timedelta(hours=hours + 1) for hours in range(8)]
    )
"""


@pytest.fixture(scope="module")
def store() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=100, days=1, light=10_000, auth=1_000, max_sessions=5)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def dags(airflow_home: Path, store: Sandbox) -> Path:
    folder = airflow_home / "dags"
    folder.mkdir()
    assert store.settings.end is not None
    (folder / "eight_at_once.py").write_text(DAG.format(end=store.settings.end.isoformat()))
    return folder


@pytest.fixture(scope="module")
def airflow_connections(store: Sandbox) -> dict[str, Any]:
    connection = store.airflow_connection
    return {"hvsms_default": {**connection, "extra": {**connection["extra"], "shared_session": True}}}


@pytest.fixture(scope="module")
def airflow_environment() -> dict[str, str]:
    return {"AIRFLOW__CORE__PARALLELISM": "8"}


def test_eight_tasks_at_once_share_one_login(running_airflow: RunningAirflow, store: Sandbox) -> None:
    running_airflow.unpause("eight_at_once")
    run_id = running_airflow.trigger("eight_at_once")
    running_airflow.wait_until(
        lambda: running_airflow.run_state("eight_at_once", run_id) in ("success", "failed"), 120, "the run has ended"
    )
    assert running_airflow.run_state("eight_at_once", run_id) == "success"
    assert store.counters.requests["statuses"] == 8
    assert (store.counters.answers[401], store.counters.revokes) == (0, 0)
    # Without a lock, a second one can follow where reading and writing the Variable takes more than a second.
    assert sum(store.counters.logins.values()) in (1, 2)
