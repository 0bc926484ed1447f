"""The ways to load that the load benchmarks compare, and one such load in a process of its own.

Each way gets ready first: it imports what it needs and makes its table. Timed is the rest, the same for all: from
opening the database and logging in until the last row is committed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests

from tests.benchmarks.load_databases import TABLE
from tests.benchmarks.load_floors import COLUMNS, FLOORS, create_table, first_query, log_in
from tests.benchmarks.load_store import END, PER_PAGE, START

DLT_SCHEMA = "benchmark"
"""Which dlt makes for its tables."""


class Job(NamedTuple):
    """What is loaded where; the same two places are there as Airflow's connections `hvsms_default` and `warehouse`."""

    way: str
    url: str
    database: str
    connection: dict[str, Any]
    database_url: str
    per_page: int = PER_PAGE


class Load(NamedTuple):
    """What one load took.

    :param seconds: from opening the database and logging in until the last row is committed.
    :param mebibytes: the process's peak, with all that it imported.
    """

    seconds: float
    mebibytes: float


Action = Callable[[], object]
"""A load that is ready."""


def operator(job: Job) -> Action:
    """The provider's own operator, as a task runs it."""
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
    from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

    BaseHook.get_hook("warehouse")  # imports it
    HvsmsHook().get_conn().close()
    task = HvsmsMessagesToSqlOperator(task_id="load", sql_conn_id="warehouse", table=TABLE, per_page=job.per_page)
    context: Any = {"data_interval_start": START, "data_interval_end": END}
    return lambda: task.execute(context)


def floor(job: Job) -> Action:
    """The least code."""
    return FLOORS[job.database](job.url, job.connection)


def insert_rows(job: Job) -> Action:
    """Paging made by hand, and the hook of the database's own provider."""
    from airflow.providers.common.compat.sdk import BaseHook

    hook: Any = BaseHook.get_hook("warehouse")
    hook.run(create_table(job.database))
    options = {"target_fields": list(COLUMNS), "replace": True, "replace_index": "id", "commit_every": 1000}
    rows = map(_without_time_zone, _rows_by_hand(job.url)) if job.database == "mysql" else _rows_by_hand(job.url)
    return lambda: hook.insert_rows(TABLE, rows, **options)


def dlt(job: Job) -> Action:
    """A REST pipeline of dlt that merges by id. It makes a table of its own for the recipients."""
    return _dlt(job)


def flat_dlt(job: Job) -> Action:
    """The same, with the recipients as JSON in the one table."""
    return _dlt(job, max_table_nesting=0)


WAYS = {way.__name__: way for way in (operator, floor, insert_rows, dlt, flat_dlt)}


def _dlt(job: Job, **hints: int) -> Action:
    import dlt as library
    from dlt.sources.rest_api import rest_api_source

    destinations = {
        "postgresql": library.destinations.postgres,
        "sqlite": library.destinations.sqlalchemy,
        "mysql": library.destinations.sqlalchemy,
        "duckdb": library.destinations.duckdb,
    }
    destination = destinations[job.database](credentials=job.database_url)
    pipeline = library.pipeline("benchmark", destination=destination, dataset_name=DLT_SCHEMA)
    # It imports while it works, so that it works a little first.
    pipeline.run([{"id": 1}], table_name="warm_up", write_disposition="merge", primary_key="id")
    return lambda: pipeline.run(rest_api_source(_rest_api(job.url, hints))).raise_on_failed_jobs()


def _rest_api(url: str, hints: dict[str, int]) -> Any:
    with requests.Session() as session:
        token = log_in(url, session)
    return {
        "client": {
            "base_url": f"{url}/restapi/v1.0/account/~/a2p-sms/",
            "auth": {"type": "bearer", "token": token},
            "paginator": {"type": "cursor", "cursor_path": "paging.nextPageToken", "cursor_param": "pageToken"},
        },
        "resources": [
            {
                "name": TABLE,
                "endpoint": {"path": "messages", "params": first_query(), "data_selector": "records"},
                "primary_key": "id",
                "write_disposition": "merge",
                **hints,
            }
        ],
    }


def _rows_by_hand(url: str) -> Iterator[tuple[Any, ...]]:
    loaded_at = END.isoformat()
    query = first_query()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {log_in(url, session)}"
        while True:
            answer = session.get(f"{url}/restapi/v1.0/account/~/a2p-sms/messages", params=query, timeout=60)
            answer.raise_for_status()
            page = answer.json()
            for record in page["records"]:
                yield (
                    str(record["id"]),
                    record.get("batchId"),
                    record["direction"],
                    record["from"],
                    ",".join(record["to"]),
                    record["messageStatus"],
                    record.get("errorCode"),
                    record["segmentCount"],
                    record.get("cost"),
                    record["creationTime"],
                    record["lastModifiedTime"],
                    record.get("text"),
                    loaded_at,
                )
            if "nextPageToken" not in page["paging"]:
                return
            query["pageToken"] = page["paging"]["nextPageToken"]


def _without_time_zone(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """With times that MySQL takes."""
    return (*row[:9], row[9].replace("Z", ""), row[10].replace("Z", ""), row[11], row[12].replace("+00:00", ""))


def _run(job: Job) -> Load:
    load = WAYS[job.way](job)
    started = time.monotonic()
    load()
    seconds = time.monotonic() - started
    # Not `ru_maxrss`, which starts at what the parent used.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return Load(seconds, int(peak.split()[1]) / 1024)


if __name__ == "__main__":
    print(json.dumps(_run(Job(*json.loads(sys.argv[1])))))
