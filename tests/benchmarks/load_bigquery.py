"""Prints the jobs and the peak memory of loading 10,000 and 1,000,000 messages into an emulated BigQuery.

Run it as `.venv-bigquery/bin/python -m tests.benchmarks.load_bigquery`; it starts an emulator, and takes about two
minutes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import tempfile

from tests.emulators.bigquery.emulator import running

PROJECT = "benchmark"
COUNTS = (10_000, 1_000_000)
ROWS_PER_PAGE = 1_000
ROWS_PER_PART = 100_000
ALLOWED_MEBIBYTES = 60


def main() -> int:
    """Print a line for each number of messages.

    :return: 1 if a limit is missed, else 0.
    """
    jobs, peaks = [], []
    with running() as emulator, tempfile.TemporaryDirectory() as home:
        extra = {"project": PROJECT, "is_anonymous": True, "use_legacy_sql": False}
        os.environ["AIRFLOW_HOME"] = home
        os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps({"conn_type": "gcpbigquery", "extra": extra})
        os.environ["BIGQUERY_EMULATOR_HOST"] = emulator.url
        for count in COUNTS:
            emulator.requests.clear()
            # A new process, whose peak is that of one load.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                peaks.append(pool.apply(load, (count,)))
            jobs.append(len(emulator.jobs()))
            print(f"{count:9,} messages: {jobs[-1]:2} jobs, a peak of {peaks[-1]:.0f} MiB")
    expected = [count // ROWS_PER_PART + (count % ROWS_PER_PART > 0) + 1 for count in COUNTS]
    return int(jobs != expected or peaks[-1] - peaks[0] > ALLOWED_MEBIBYTES)


def load(count: int) -> float:
    """Load messages into a new table.

    :return: the peak of memory in MiB.
    """
    from airflow.providers.common.compat.sdk import BaseHook

    from tests.emulators.warehouses.loading import many, open_table

    dataset = f"load_{count}"
    BaseHook.get_hook("warehouse").get_client(project_id=PROJECT).create_dataset(dataset)
    [row] = many(1, text="x" * 100)
    with open_table(f"{dataset}.messages") as sink:
        for start in range(0, count, ROWS_PER_PAGE):
            sink.add([(f"{number:09d}", *row[1:]) for number in range(start, start + ROWS_PER_PAGE)], [])
        sink.finish({})
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
