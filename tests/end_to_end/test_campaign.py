"""A campaign is sent by a real Airflow, whose state of the task is the ledger, and the task is cleared."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.end_to_end.airflow_processes import KEEPS_PLACE, RunningAirflow
from tests.support.send_operator import numbers

DAG = """
from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_hvsms.operators.campaigns import HvsmsSendBatchOperator

with DAG("campaign", schedule=None):
    HvsmsSendBatchOperator(
        task_id="send", from_number="+16505550100", text="The store opens at nine.",
        recipients="{{ dag_run.conf['recipients'] }}", max_batch_size=2,
    )
"""

pytestmark = pytest.mark.skipif(not KEEPS_PLACE, reason="Airflow keeps the state of a task since 3.3")


@pytest.fixture(scope="module")
def store() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=100, light=10_000, auth=1_000, sending_time=0.5)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Path:
    folder = airflow_home / "dags"
    folder.mkdir()
    (folder / "campaign.py").write_text(DAG)
    return folder


@pytest.fixture(scope="module")
def airflow_connections(store: Sandbox) -> dict[str, Any]:
    return {"hvsms_default": store.airflow_connection}


@pytest.fixture(scope="module")
def airflow_components() -> Collection[str]:
    return ("api-server", "scheduler", "dag-processor")


def wait_for_try(airflow: RunningAirflow, run_id: str, number: int) -> None:
    """Wait until a try, and the run with it, has ended.

    When a task of a run that the scheduler is about to end is cleared, the run ends and the task never starts again.
    """

    def has_ended() -> bool:
        task = airflow.tasks("campaign", run_id)["send"]
        return task["try_number"] == number and airflow.run_state("campaign", run_id) in ("success", "failed")

    airflow.wait_until(has_ended, 120, f"try {number} of {run_id} has ended")
    assert airflow.task_states("campaign", run_id) == {"send": "success"}, airflow.task_log("campaign", run_id, "send")


def test_a_cleared_task_sends_nothing_again(running_airflow: RunningAirflow, store: Sandbox) -> None:
    running_airflow.unpause("campaign")
    run_id = running_airflow.trigger("campaign", conf={"recipients": numbers(5)})
    wait_for_try(running_airflow, run_id, 1)
    first = running_airflow.xcom("campaign", run_id, "send")
    running_airflow.clear("campaign", run_id, "send")
    wait_for_try(running_airflow, run_id, 2)
    again = running_airflow.xcom("campaign", run_id, "send")
    assert (len(first["batch_ids"]), again["batch_ids"]) == (3, first["batch_ids"])
    assert list(store.store.sent_counts().values()) == [1] * 5
