"""The demo of loads: three daily runs of an example DAG, a table of what they loaded, and a report."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from airflow_provider_hvsms.sandbox.demo.airflow_home import LOG, REPORTS, WAREHOUSE, AirflowHome, is_ready
from airflow_provider_hvsms.sandbox.sandbox import Sandbox
from airflow_provider_hvsms.sandbox.settings import Settings

DAG_ID = "hvsms_daily_messages"
REPORT_DAG_ID = "hvsms_delivery_report"
DAYS = 3

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
    if not is_ready():
        return 1
    started = time.monotonic()
    WAREHOUSE.unlink(missing_ok=True)
    # Three daily runs log in within a minute: more often than the default limit allows.
    settings = Settings(messages=20_000, days=DAYS + 1, auth=60)
    with Sandbox(settings) as sandbox, tempfile.TemporaryDirectory(prefix="hvsms-demo-") as home, LOG.open("w") as log:
        print(f"A message store with {settings.messages:,} messages of {settings.days} days listens on {sandbox.url}")
        print("Creating a temporary Airflow home …", flush=True)
        airflow = AirflowHome(Path(home), sandbox, log.fileno())
        airflow.add_examples(DAG_ID, REPORT_DAG_ID)
        runs = [_load(airflow, sandbox, day) for day in _days(sandbox)]
        report = _report(airflow, runs[-1].day)
    _print_table(runs)
    _print_epilogue(time.monotonic() - started, report)
    return 0


def _load(airflow: AirflowHome, sandbox: Sandbox, day: datetime) -> DailyRun:
    print(f"Running the DAG {DAG_ID} for {day:%Y-%m-%d} …", flush=True)
    before = sandbox.counters.reads
    end = day + timedelta(days=1)
    # `dags test` runs the interval that ends at this date.
    airflow.run("dags", "test", DAG_ID, end.isoformat())
    with closing(sqlite3.connect(WAREHOUSE)) as warehouse:
        messages, delivered, failed, cost = warehouse.execute(_BY_DAY, (_as_stored(day), _as_stored(end))).fetchone()
    return DailyRun(day, messages, delivered, failed, cost, sandbox.counters.reads - before)


def _report(airflow: AirflowHome, last_day: datetime) -> Path:
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


def _as_stored(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S.%f}"
