"""One load into a new database, and what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import NamedTuple

from airflow_provider_hvsms.sandbox import Settings
from tests.benchmarks.load_contestants import DLT_SCHEMA, Job, Load
from tests.benchmarks.load_databases import Opener
from tests.benchmarks.load_store import PER_PAGE, Counters, Store


class LoadFailed(Exception):
    """A load that did not end well."""


class Measured(NamedTuple):
    """One load, and what the store was asked for it."""

    load: Load
    asked: Counters
    rows: int

    @property
    def speed(self) -> float:
        """Rows a second."""
        return self.rows / self.load.seconds


class Bench:
    """Runs loads into one kind of database, each into a new one and in a process of its own.

    :param folder: for all that they leave behind.
    """

    def __init__(self, folder: Path, database: str, open_new: Opener) -> None:
        self.database = database
        self._folder = folder
        self._open_new = open_new
        self._numbers = count(1)

    def load(self, store: Store, way: str, *, per_page: int = PER_PAGE) -> Measured:
        """One load of all messages."""
        name = f"{way}_{next(self._numbers)}"
        database = self._open_new(name)
        before = store.counters()
        job = Job(way, store.url, self.database, database.connection, database.url, per_page)
        load = self._run(job, self._folder / f"{self.database}_{name}")
        asked = store.counters().since(before)
        rows = database.count(DLT_SCHEMA if "dlt" in way else None)
        if rows != store.messages:
            raise LoadFailed(f"{rows:,} rows are in the table instead of {store.messages:,}.")
        database.drop()
        measured = Measured(load, asked, rows)
        report(f"{self.database} {way}: {rows:,} rows, {load.seconds:.2f} s, {load.mebibytes:.0f} MiB, {asked}")
        return measured

    @staticmethod
    def _run(job: Job, home: Path) -> Load:
        home.mkdir()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        environment |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW_CONN_HVSMS_DEFAULT": json.dumps(Settings().airflow_connection(job.url)),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps(job.connection),
            "DLT_DATA_DIR": str(home),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        command = [sys.executable, "-m", "tests.benchmarks.load_contestants", json.dumps(job)]
        run = subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True)
        if run.returncode != 0:
            raise LoadFailed(run.stdout[-2000:] + run.stderr[-3000:])
        return Load(*json.loads(run.stdout.splitlines()[-1]))


def report(line: str) -> None:
    """Say how it goes, beside the results."""
    print(line, file=sys.stderr, flush=True)
