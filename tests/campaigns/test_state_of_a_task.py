"""The ledger in the state that Airflow 3.3 keeps of a task."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

DAGS = Path(__file__).parent / "dags"

pytestmark = pytest.mark.skipif(
    tuple(map(int, version("apache-airflow").split(".")[:2])) < (3, 3), reason="Airflow keeps such a state since 3.3"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an Airflow in which the DAG `ledger` ran once."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "LEDGER_REPORT": str(home),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, env=environment)
    with (home / "log").open("w") as log:
        subprocess.run([sys.executable, DAGS / "state_run.py"], check=True, env=environment, stdout=log, stderr=log)
    return home


@pytest.mark.parametrize("task_id", ["send", "send_too"])
def test_next_try_finds_the_entries_of_its_own_task(home: Path, task_id: str) -> None:
    assert json.loads((home / f"{task_id}--1").read_text()) == {
        "found": True,
        "decision": {"part": 1, "not_created": True},
        "states": ["recorded", "intended"],
        "decision afterwards": None,
    }


def test_entries_are_kept_for_good_after_success(home: Path) -> None:
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        kept = database.execute(
            "SELECT task_id, key, expires_at FROM task_state_store ORDER BY task_id, key"
        ).fetchall()
    assert kept == [(task, f"hvsms_part_{part}", None) for task in ("send", "send_too") for part in (1, 2)]
