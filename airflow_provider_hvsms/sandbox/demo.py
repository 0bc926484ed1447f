"""The whole story in one command: a store, an Airflow of its own, three nights of the example DAG, a table.

Only this file of the sandbox needs Airflow, as a command that it runs; it reads the outcome from the warehouse's file
and from the sandbox's counters.
"""

from __future__ import annotations

import json
import os
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

from airflow_provider_hvsms.sandbox.server import Sandbox
from airflow_provider_hvsms.sandbox.settings import Settings

DAG_ID = "hvsms_daily_messages"
WAREHOUSE = Path("hvsms_demo.sqlite")
LOG = Path("hvsms_demo.log")
NIGHTS = 3

_PACKAGE = Path(__file__).parents[1]

_BY_DAY = """
    SELECT count(*),
           coalesce(sum(message_status = 'Delivered'), 0),
           coalesce(sum(message_status IN ('DeliveryFailed', 'SendingFailed')), 0),
           coalesce(sum(cost), 0)
      FROM hvsms_messages
     WHERE creation_time >= ? AND creation_time < ?
"""


class Night(NamedTuple):
    """What one daily interval loaded. `cost` is in the account's currency."""

    day: datetime
    messages: int
    delivered: int
    failed: int
    cost: float
    requests: int


def run_demo() -> int:
    """Run the demo in the current folder, print its table, and return the exit code."""
    if missing := [name for name in ("airflow", "airflow.providers.sqlite") if not _is_installed(name)]:
        print(f"The demo needs {' and '.join(missing)}: pip install 'airflow-provider-hvsms[demo]'.")
        return 1
    started = time.monotonic()
    WAREHOUSE.unlink(missing_ok=True)
    # Three nights log in within a minute here, not within three days: more often than the usual limit of logins allows.
    settings = Settings(messages=20_000, days=NIGHTS + 1, auth=60)
    with Sandbox(settings) as sandbox, tempfile.TemporaryDirectory(prefix="hvsms-demo-") as home, LOG.open("w") as log:
        print(f"A message store with {settings.messages:,} messages of {settings.days} days listens on {sandbox.url}.")
        airflow = _Airflow(Path(home), sandbox, log.fileno())
        print("Making an Airflow home of its own …")
        airflow.run("db", "migrate")
        nights = [_load(airflow, sandbox, day) for day in _days(sandbox)]
    _print_table(nights)
    _print_epilogue(time.monotonic() - started)
    return 0


class _Airflow:
    """Airflow's command line with a home, connections and configuration of its own."""

    def __init__(self, home: Path, sandbox: Sandbox, log: int) -> None:
        self._log = log
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        self._environment = {
            **inherited,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(_examples()),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_HVSMS_DEFAULT": json.dumps(sandbox.airflow_connection),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(WAREHOUSE.resolve())}),
            "NO_COLOR": "1",
        }

    def run(self, *arguments: str) -> None:
        """Run one command; its output goes to the log."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(
            command, env=self._environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, check=False
        )
        if done.returncode:
            raise SystemExit(f"airflow {' '.join(arguments)} failed; {LOG.resolve()} says why.")


def _load(airflow: _Airflow, sandbox: Sandbox, day: datetime) -> Night:
    print(f"Running the DAG {DAG_ID} for {day:%Y-%m-%d} …", flush=True)
    before = sandbox.counters.reads
    end = day + timedelta(days=1)
    # `dags test` runs the interval that ends at the date it is given.
    airflow.run("dags", "test", DAG_ID, end.isoformat())
    with closing(sqlite3.connect(WAREHOUSE)) as warehouse:
        messages, delivered, failed, cost = warehouse.execute(_BY_DAY, (_as_stored(day), _as_stored(end))).fetchone()
    return Night(day, messages, delivered, failed, cost, sandbox.counters.reads - before)


def _days(sandbox: Sandbox) -> list[datetime]:
    end = sandbox.settings.end
    if end is None:
        raise RuntimeError("a started sandbox has an end")
    return [end - timedelta(days=ago) for ago in range(NIGHTS, 0, -1)]


def _print_table(nights: list[Night]) -> None:
    print(f"\n{'day':<12}{'messages':>10}{'delivered':>11}{'failed':>8}{'cost':>10}{'requests':>10}")
    for night in nights:
        print(
            f"{night.day:%Y-%m-%d}  {night.messages:>10,}{night.delivered:>11,}{night.failed:>8,}"
            f"{night.cost:>10.3f}{night.requests:>10}"
        )


def _print_epilogue(seconds: float) -> None:
    print(
        f"\nDone in {seconds:.0f} s. Each night also read the day before once more (lookback), hence the requests.\n"
        f"The table is in {WAREHOUSE.resolve()}, Airflow's log in {LOG.resolve()}. Look with\n\n"
        f"  {Path(sys.executable).name} -c \"import sqlite3; print(*sqlite3.connect('{WAREHOUSE}').execute("
        "'SELECT message_status, error_code, count(*), sum(cost) FROM hvsms_messages GROUP BY 1, 2'"
        "), sep='\\n')\"\n"
    )


def _examples() -> Path:
    """Inside an installed package, beside it in a checkout."""
    inside = _PACKAGE / "dags_examples"
    return inside if inside.is_dir() else _PACKAGE.parent / "dags_examples"


def _as_stored(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
