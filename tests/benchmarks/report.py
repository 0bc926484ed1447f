"""Prints time and memory of delivery reports of a month with 50,000 and 5,000,000 messages.

The databases make the messages themselves. Run it as `python tests/benchmarks/report.py`; it needs no server, takes
about five minutes and 3 GB of disk. It ends with an error if the peak memory of the task grows with the messages,
except in DuckDB, which is in the process of the task and keeps what it reads there.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.load_databases import OPENERS, TABLE

START = datetime(2025, 11, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
ROWS = (50_000, 5_000_000)
MAX_GROWTH = 16
"""MiB."""

_COLUMNS = (
    "id, batch_id, direction, from_number, to_number, message_status, error_code, segment_count, cost, creation_time"
)
_VALUES = """
    CAST(n AS VARCHAR(20)),
    CASE WHEN n % 10 = 0 THEN NULL ELSE 'batch-' || CAST(n / 200 AS VARCHAR(20)) END,
    CASE WHEN n % 10 = 0 THEN 'Inbound' ELSE 'Outbound' END,
    CASE WHEN n % 10 = 0 THEN '+1202555' ELSE '+1650555' END || CAST(1000 + n % 100 AS VARCHAR(20)),
    CASE WHEN n % 10 = 0 THEN '+1650555' ELSE '+1202555' END || CAST(1000 + n % 97 AS VARCHAR(20)),
    CASE WHEN n % 19 = 1 THEN 'DeliveryFailed' WHEN n % 101 = 1 THEN 'Sent' ELSE 'Delivered' END,
    CASE WHEN n % 19 <> 1 THEN NULL WHEN n % 3 = 0 THEN 'SMS-CAR-413' WHEN n % 3 = 1 THEN 'SMS-CAR-104'
        ELSE 'SMS-UP-410' END,
    1 + n % 2,
    0.0085
"""
_SERIES = "SELECT {values}, {time} FROM generate_series(1, {rows}) AS series(n)"
_RECURSION = (
    "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {rows}) "
    "SELECT {values}, {time} FROM series"
)
FILLED_BY = {
    "postgresql": (
        _SERIES,
        "TIMESTAMPTZ '2025-11-01 00:00:00Z' + {offset} * INTERVAL '1 microsecond'",
    ),
    "sqlite": (
        _RECURSION,
        "strftime('%Y-%m-%d %H:%M:%f000', 1761955200 + {offset} / 1e6, 'unixepoch')",
    ),
    "duckdb": (_SERIES, "TIMESTAMP '2025-11-01 00:00:00' + to_microseconds({offset})"),
}
"""The statement of each database, and how it makes a time of a number."""


def main() -> int:
    print("| database | messages | seconds | peak memory |\n|---|--:|--:|--:|", flush=True)
    grown = [name for name in FILLED_BY if _grows(name) and name != "duckdb"]
    if grown:
        print(f"The memory grows with the messages: {', '.join(grown)}.")
    return 1 if grown else 0


def _grows(name: str) -> bool:
    peaks = []
    with tempfile.TemporaryDirectory(prefix="hvsms-report-") as folder, OPENERS[name](Path(folder)) as open_new:
        for rows in ROWS:
            database = open_new(f"month_{rows}")
            os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps(database.connection)
            _run("fill", name, str(rows))
            result = _run("read", folder)
            assert result["messages"] + result["inbound"] == rows
            print(f"| {name} | {rows:,} | {result['seconds']:.1f} | {result['peak']:.0f} MiB |", flush=True)
            peaks.append(result["peak"])
            database.drop()
    return bool(peaks[1] - peaks[0] > MAX_GROWTH)


def _run(*arguments: str) -> Any:
    """Run a part of this program in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.report", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    return json.loads(done.stdout.splitlines()[-1])


def fill(name: str, rows: str) -> dict[str, Any]:
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_hvsms.sinks.schema import MESSAGES
    from airflow_provider_hvsms.sinks.sql.sink import open_table

    hook: Any = BaseHook.get_hook("warehouse")
    with open_table(hook, TABLE, MESSAGES) as sink:
        sink.finish({})
    statement, moment = FILLED_BY[name]
    microseconds = int(MONTH / timedelta(microseconds=1)) // (int(rows) + 1)
    offset = f"CAST(n AS BIGINT) * {microseconds}"
    select = statement.format(values=_VALUES, time=moment.format(offset=offset), rows=rows)
    with contextlib.closing(hook.get_conn()) as connection, contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(f"INSERT INTO {TABLE} ({_COLUMNS}) {select}")
        connection.commit()
    return {}


def read(folder: str) -> dict[str, Any]:
    from airflow_provider_hvsms.operators.report import HvsmsDeliveryReportOperator

    operator = HvsmsDeliveryReportOperator(
        task_id="report",
        sql_conn_id="warehouse",
        table=TABLE,
        path=f"{folder}/report",
        date_from=START,
        date_to=START + MONTH,
    )
    started = time.perf_counter()
    result = operator.execute({})
    seconds = time.perf_counter() - started
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return {**result, "seconds": seconds, "peak": int(peak.split()[1]) / 1024}


PARTS: dict[str, Callable[..., dict[str, Any]]] = {"fill": fill, "read": read}

if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    logging.disable()
    print(json.dumps(PARTS[sys.argv[1]](*sys.argv[2:])))
