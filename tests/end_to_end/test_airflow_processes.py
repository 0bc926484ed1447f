"""The harness itself: that its processes do what those of a real installation do, and that all of them end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end import session_keeper
from tests.end_to_end.airflow_processes import CHECKOUT, RunningAirflow

# One DAG waits for a file without a worker; the other one runs when an asset's watcher has seen a file.
DAGS = """
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.providers.standard.sensors.filesystem import FileSensor
    from airflow.sdk import DAG, Asset, AssetWatcher

    from inbox_trigger import InboxTrigger

    with DAG("waits_for_a_file"):
        FileSensor(
            task_id="wait",
            fs_conn_id="inbox",
            filepath="{{ dag_run.conf['name'] }}",
            deferrable=True,
            poke_interval=0.2,
        )

    inbox = Asset("inbox", watchers=[AssetWatcher(name="inbox", trigger=InboxTrigger("watched"))])
    with DAG("follows_an_asset", schedule=inbox):
        PythonOperator(
            task_id="read",
            python_callable=lambda triggering_asset_events: triggering_asset_events[inbox][-1].extra["payload"],
        )
"""

TRIGGER = """
    import asyncio
    from pathlib import Path

    from airflow.sdk import BaseHook
    from airflow.triggers.base import BaseEventTrigger, TriggerEvent


    class InboxTrigger(BaseEventTrigger):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def serialize(self):
            return "inbox_trigger.InboxTrigger", {"name": self.name}

        async def run(self):
            connection = await asyncio.to_thread(BaseHook.get_connection, "inbox")
            file = Path(connection.extra_dejson["path"], self.name)
            while True:
                if file.exists():
                    text = file.read_text()
                    file.unlink()
                    yield TriggerEvent(text)
                await asyncio.sleep(0.2)
"""


@pytest.fixture(scope="module")
def inbox(airflow_home: Path) -> Path:
    folder = airflow_home / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Path:
    folder = airflow_home / "dags"
    folder.mkdir()
    (folder / "examples.py").write_text(textwrap.dedent(DAGS))
    (folder / "inbox_trigger.py").write_text(textwrap.dedent(TRIGGER))
    return folder


@pytest.fixture(scope="module")
def airflow_environment(inbox: Path) -> dict[str, str]:
    return {"AIRFLOW_CONN_INBOX": json.dumps({"conn_type": "fs", "extra": {"path": str(inbox)}})}


def test_a_deferred_task_holds_no_worker_and_ends_when_its_trigger_fires(
    running_airflow: RunningAirflow, inbox: Path
) -> None:
    run_id = _start_waiting(running_airflow, "first")
    running_airflow.wait_until(lambda: running_airflow.slots("running") == 0, 10, "no slot is in use")
    assert running_airflow.slots("deferred") == 1
    (inbox / "first").touch()
    _wait_for_success(running_airflow, "waits_for_a_file", run_id)
    assert "first found" in running_airflow.task_log("waits_for_a_file", run_id, "wait")


@pytest.mark.parametrize("end", [RunningAirflow.kill, RunningAirflow.stop], ids=["killed", "stopped"])
def test_a_deferred_task_outlives_the_triggerer_that_waited_for_it(
    running_airflow: RunningAirflow, inbox: Path, end: Callable[[RunningAirflow, str], None]
) -> None:
    run_id = _start_waiting(running_airflow, end.__name__)
    end(running_airflow, "triggerer")
    (inbox / end.__name__).touch()
    running_airflow.start("triggerer")
    _wait_for_success(running_airflow, "waits_for_a_file", run_id)


def test_the_watcher_of_an_asset_starts_the_dag_that_follows_it(running_airflow: RunningAirflow, inbox: Path) -> None:
    running_airflow.unpause("follows_an_asset")
    (inbox / "watched").write_text("something came")
    running_airflow.wait_until(lambda: bool(running_airflow.runs("follows_an_asset")), 60, "the DAG runs")
    [run_id] = running_airflow.runs("follows_an_asset")
    _wait_for_success(running_airflow, "follows_an_asset", run_id)
    assert running_airflow.xcom("follows_an_asset", run_id, "read") == "something came"
    assert running_airflow.asset_events()[-1]["extra"]["payload"] == "something came"


def test_a_condition_that_never_holds_fails_with_the_ends_of_the_logs(running_airflow: RunningAirflow) -> None:
    with pytest.raises(AssertionError, match=r"(?s)not within 0.2 s: pigs fly.*--- scheduler.log\n.+"):
        running_airflow.wait_until(lambda: False, 0.2, "pigs fly")


def test_no_process_is_left_behind_when_the_tests_are_killed() -> None:
    code = """
        import os, subprocess, sys, time
        from tests.end_to_end.session_keeper import SessionKeeper

        # A child in a process group of its own, as the workers of Airflow start theirs.
        parent = "import os, time; os.fork() == 0 and os.setpgid(0, 0); time.sleep(600)"
        with SessionKeeper() as keeper:
            process = subprocess.Popen([sys.executable, "-c", parent], start_new_session=True)
            keeper.keep(process.pid)
            print(process.pid, flush=True)
            time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        session = int(tests.stdout.readline())
        _wait_until(lambda: len(session_keeper.members_of([session])) == 2)
        tests.send_signal(signal.SIGKILL)
    _wait_until(lambda: not session_keeper.members_of([session]))


def _start_waiting(airflow: RunningAirflow, name: str) -> str:
    airflow.unpause("waits_for_a_file")
    run_id = airflow.trigger("waits_for_a_file", conf={"name": name})
    airflow.wait_until(lambda: _is_watched_over(airflow, run_id), 60, "the task is deferred, and a triggerer has it")
    return run_id


def _is_watched_over(airflow: RunningAirflow, run_id: str) -> bool:
    task = airflow.tasks("waits_for_a_file", run_id)["wait"]
    return task["state"] == "deferred" and task["triggerer_job"] is not None


def _wait_for_success(airflow: RunningAirflow, dag_id: str, run_id: str) -> None:
    airflow.wait_until(lambda: airflow.run_state(dag_id, run_id) in {"success", "failed"}, 60, f"{dag_id} ends")
    assert airflow.run_state(dag_id, run_id) == "success", airflow.task_states(dag_id, run_id)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
