"""Runs example DAGs with `personal_data="hash"` and everything that could show a number turned up.

Usage: python personal_data_run.py END DAG… (in a process of its own, whose output is a part of what is scanned).
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_hvsms.plugins.hvsms import HvsmsPlugin
from tests.dags.conftest import dag_of
from tests.support.present import travel

STATES = Path("states.txt")
"""How each run ended."""
PAGES = Path("pages")
"""What the tab *Delivery report* of each run shows."""


def main(end: str, *names: str) -> None:
    # As `airflow dags test` does first; on Airflow 2 this brings the tables of users, which runs refer to.
    importlib.import_module("airflow.cli.cli_parser")
    for name in names:
        # Each of the lakes has a format of its own.
        os.environ["AIRFLOW_VAR_HVSMS_LAKE"] = (Path.cwd() / "lakes" / name).as_uri()
        dag = dag_of(name)
        for task in dag.tasks:
            protect(task)
        moment = "logical_date" if "logical_date" in inspect.signature(DAG.test).parameters else "execution_date"
        arguments: dict[str, Any] = {moment: datetime.fromisoformat(end), "run_conf": {"batch_id": "campaign"}}
        run = dag.test(**arguments)
        with STATES.open("a") as states:
            states.write(f"{name} {run.state}\n")
        if HvsmsPlugin.external_views:
            save_page(name, run)


def save_page(name: str, run: Any) -> None:
    """Save what the tab of a run shows."""
    show_report = importlib.import_module("airflow_provider_hvsms.plugins.report_app").show_report
    PAGES.mkdir(exist_ok=True)
    (PAGES / f"{name}.html").write_bytes(show_report(run.dag_id, run.run_id).body)


def protect(task: Any) -> None:
    """Hash numbers, read texts all the same, and set records aside that cannot be read."""
    task.retries = 0
    values = {"personal_data": "hash", "view": "Detailed", "on_invalid": "quarantine"}
    mapped = getattr(task, "partial_kwargs", None)
    if mapped is not None and "poke_interval" in mapped:
        mapped["poke_interval"] = 1
    for name, value in values.items():
        if mapped is not None and "table" in mapped:
            mapped[name] = value
        elif hasattr(task, name):
            setattr(task, name, value)


if __name__ == "__main__":
    travel()
    main(*sys.argv[1:])
