"""The example DAGs, run by Airflow itself."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

EXAMPLES = Path(__file__).parents[2] / "dags_examples"

RunExample = Callable[..., str]


@pytest.fixture
def run_example(airflow_database: None) -> RunExample:
    """Runs the example DAG of a file for the interval that ends at a moment, and returns the state of the run.

    Called again with the same `end` and `run_after`, it runs the same run again: Airflow 3 names a run by the latter.
    """
    # As `airflow dags test` does first; on Airflow 2 this brings the tables of users, which runs refer to.
    importlib.import_module("airflow.cli.cli_parser")

    def run(
        name: str,
        end: datetime,
        conf: dict[str, Any] | None = None,
        prepare: Callable[[Any], None] = lambda task: None,
        run_after: datetime | None = None,
    ) -> str:
        dag = dag_of(name)
        for task in dag.tasks:
            task.retries = 0  # a failure fails the test at once
            prepare(task)
        known = inspect.signature(DAG.test).parameters
        # The same argument, renamed in Airflow 3.
        arguments: dict[str, Any] = {"logical_date" if "logical_date" in known else "execution_date": end}
        if run_after and "run_after" in known:
            arguments["run_after"] = run_after
        arguments["run_conf"] = conf
        run = dag.test(**arguments)
        return str(run.state)

    return run


def states_of_latest_run(dag_id: str) -> dict[str, str]:
    """The state of each task of a DAG's last run."""
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")) as database:
        return dict(
            database.execute(
                "SELECT task_id, state FROM task_instance WHERE run_id = "
                "(SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1)",
                [dag_id],
            ).fetchall()
        )


def latest_result(task_id: str) -> Any:
    """What the last run of a task returned, as Airflow's database keeps it."""
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")) as database:
        [value] = database.execute(
            "SELECT value FROM xcom WHERE key = 'return_value' AND task_id = ? ORDER BY timestamp DESC LIMIT 1",
            [task_id],
        ).fetchone()
    decoded = json.loads(value)
    # Airflow 3 keeps JSON as a text in JSON.
    return json.loads(decoded) if isinstance(decoded, str) and decoded.startswith(("{", "[", '"')) else decoded


def dag_of(name: str) -> DAG:
    """The DAG of an example file."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dag = module.dag
    assert isinstance(dag, DAG)
    return dag
