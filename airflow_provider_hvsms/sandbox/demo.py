"""The demo: a sandbox, an Airflow home, three daily runs of an example DAG, a table of what they loaded, and a report.

It runs Airflow as a command; no other file of the sandbox needs Airflow.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from airflow_provider_hvsms.sandbox.sandbox import Sandbox
from airflow_provider_hvsms.sandbox.settings import Settings

DAG_ID = "hvsms_daily_messages"
REPORT_DAG_ID = "hvsms_delivery_report"
REPORTS = Path("hvsms_demo_reports")
WAREHOUSE = Path("hvsms_demo.sqlite")
LOG = Path("hvsms_demo.log")
DAYS = 3

_PACKAGE = Path(__file__).parents[1]

_BY_DAY = """
    SELECT count(*),
           coalesce(sum(message_status = 'Delivered'), 0),
           coalesce(sum(message_status IN ('DeliveryFailed', 'SendingFailed')), 0),
           coalesce(sum(cost), 0)
      FROM hvsms_messages
     WHERE creation_time >= ? AND creation_time < ?
"""


class DailyRun(NamedTuple):
    """What one daily run loaded; `cost` is in dollars."""

    day: datetime
    messages: int
    delivered: int
    failed: int
    cost: float
    requests: int


def run_demo() -> int:
    """Run the demo in the current folder, print its table, and return the exit code."""
    packages = ("airflow", "airflow.providers.sqlite", "matplotlib")
    if missing := [name for name in packages if not _is_installed(name)]:
        print(f"The demo needs {' and '.join(missing)}: pip install 'airflow-provider-hvsms[demo]'.")
        return 1
    started = time.monotonic()
    WAREHOUSE.unlink(missing_ok=True)
    # Three daily runs log in within a minute: more often than the default limit allows.
    settings = Settings(messages=20_000, days=DAYS + 1, auth=60)
    with Sandbox(settings) as sandbox, tempfile.TemporaryDirectory(prefix="hvsms-demo-") as home, LOG.open("w") as log:
        print(f"A message store with {settings.messages:,} messages of {settings.days} days listens on {sandbox.url}")
        airflow = _Airflow(Path(home), sandbox, log.fileno())
        print("Creating a temporary Airflow home …")
        airflow.run("db", "migrate")
        runs = [_load(airflow, sandbox, day) for day in _days(sandbox)]
        report = _report(airflow, runs[-1].day)
    _print_table(runs)
    _print_epilogue(time.monotonic() - started, report)
    return 0


class _Airflow:
    """Airflow's command line with its own home, connections and configuration."""

    def __init__(self, home: Path, sandbox: Sandbox, log: int) -> None:
        self._log = log
        # Of the examples, these alone: others need providers that may be missing.
        dags = home / "dags"
        dags.mkdir()
        for dag_id in (DAG_ID, REPORT_DAG_ID):
            shutil.copy(_examples() / f"{dag_id}.py", dags)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        self._environment = {
            **inherited,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_HVSMS_DEFAULT": json.dumps(sandbox.airflow_connection),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(WAREHOUSE.resolve())}),
            "AIRFLOW_VAR_HVSMS_REPORTS": REPORTS.resolve().as_uri(),
            "NO_COLOR": "1",
        }

    def run(self, *arguments: str) -> None:
        """Run a command; its output goes to the log."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(
            command, env=self._environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, check=False
        )
        if done.returncode:
            raise SystemExit(f"airflow {' '.join(arguments)} failed; see {LOG.resolve()}.")


def _load(airflow: _Airflow, sandbox: Sandbox, day: datetime) -> DailyRun:
    print(f"Running the DAG {DAG_ID} for {day:%Y-%m-%d} …", flush=True)
    before = sandbox.counters.reads
    end = day + timedelta(days=1)
    # `dags test` runs the interval that ends at this date.
    airflow.run("dags", "test", DAG_ID, end.isoformat())
    with closing(sqlite3.connect(WAREHOUSE)) as warehouse:
        messages, delivered, failed, cost = warehouse.execute(_BY_DAY, (_as_stored(day), _as_stored(end))).fetchone()
    return DailyRun(day, messages, delivered, failed, cost, sandbox.counters.reads - before)


def _report(airflow: _Airflow, last_day: datetime) -> Path:
    print(f"Running the DAG {REPORT_DAG_ID} for all {DAYS} days …", flush=True)
    end = last_day + timedelta(days=1)
    airflow.run("dags", "test", REPORT_DAG_ID, end.isoformat(), "--conf", json.dumps({"days": DAYS}))
    return REPORTS.resolve() / f"{last_day:%Y-%m-%d}" / "delivery_report.html"


def _days(sandbox: Sandbox) -> list[datetime]:
    end = sandbox.settings.end
    if end is None:
        raise RuntimeError("Sandbox.settings.end is not set.")
    return [end - timedelta(days=ago) for ago in range(DAYS, 0, -1)]


def _print_table(runs: list[DailyRun]) -> None:
    print(f"\n{'day':<12}{'messages':>10}{'delivered':>11}{'failed':>8}{'cost':>10}{'requests':>10}")
    for run in runs:
        print(
            f"{run.day:%Y-%m-%d}  {run.messages:>10,}{run.delivered:>11,}{run.failed:>8,}"
            f"{run.cost:>10.3f}{run.requests:>10}"
        )


def _print_epilogue(seconds: float, report: Path) -> None:
    print(
        f"\nDone in {seconds:.0f} s. Each run also read the day before again (lookback).\n"
        f"Open the report in a browser: {report.as_uri()}\n"
        f"The table is in {WAREHOUSE.resolve()}, Airflow's log in {LOG.resolve()}. Query the table with\n\n"
        f"  {Path(sys.executable).name} -c \"import sqlite3; print(*sqlite3.connect('{WAREHOUSE}').execute("
        "'SELECT message_status, error_code, count(*), sum(cost) FROM hvsms_messages GROUP BY 1, 2'"
        "), sep='\\n')\"\n"
    )


def _examples() -> Path:
    """Return the folder of example DAGs: inside an installed package, beside it in a checkout."""
    inside = _PACKAGE / "dags_examples"
    return inside if inside.is_dir() else _PACKAGE.parent / "dags_examples"


def _as_stored(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S.%f}"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
