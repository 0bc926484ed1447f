"""Sends campaigns of 10,000 and 100,000 recipients from SQL, and prints their time, requests and peak memory.

Run it as `python tests/benchmarks/campaign.py`; it takes about four minutes. The sandbox has the service's usual quota,
50 requests a minute; the recipients and the ledger are in SQLite and in PostgreSQL, and each campaign is sent by
`HvsmsSendBatchOperator` in a process of its own. One is sent in batches of 1,000, which are more than the quota of a
minute.

It ends with an error if a request is refused, if not each recipient is sent the text once, or if 100,000 recipients
take much more memory than 10,000.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).parents[2]
sys.path.insert(0, str(CHECKOUT))

from airflow_provider_hvsms.sandbox import Sandbox, Settings  # noqa: E402 - after the path is set
from tests.benchmarks.load_databases import postgresql, sqlite  # noqa: E402

FEW, MANY = 10_000, 100_000
"""Recipients."""
ALLOWED_RATIO = 1.1
SENDER = "+16505550100"


class Case(NamedTuple):
    database: str
    recipients: int
    batch_size: int = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    case: Case
    seconds: float
    peak: float
    """Mebibytes."""
    requests: int
    refused: int
    is_exact: bool


CASES = [
    *(Case(database, recipients) for database in ("sqlite", "postgresql") for recipients in (FEW, MANY)),
    Case("postgresql", MANY, 1_000),
]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="hvsms-campaign-") as name, ExitStack() as stack:
        folder = Path(name)
        openers = {
            "sqlite": stack.enter_context(sqlite(folder)),
            "postgresql": stack.enter_context(postgresql(folder)),
        }
        results = []
        for number, case in enumerate(CASES):
            connection = openers[case.database](f"campaign_{number}").connection
            results.append(_send(case, connection, folder))
            _print(results[-1], is_first=number == 0)
    ratios = [more.peak / less.peak for less, more in zip(results[0:4:2], results[1:4:2], strict=True)]
    print(f"\npeak memory, {MANY:,} to {FEW:,} recipients: " + ", ".join(f"{ratio:.2f}" for ratio in ratios))
    exact = all(result.is_exact and not result.refused for result in results)
    return 0 if exact and max(ratios) <= ALLOWED_RATIO else 1


def _send(case: Case, connection: dict[str, Any], folder: Path) -> Result:
    _insert_recipients(connection, case.recipients)
    with Sandbox(Settings(messages=100, days=1, sending_time=1.0)) as sandbox:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW_CONN_HVSMS_DEFAULT": json.dumps(sandbox.airflow_connection),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps(connection),
            "PYTHONPATH": str(CHECKOUT),
        }
        command = [sys.executable, __file__, "send", str(case.batch_size)]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        seconds, peak = map(float, run.stdout.splitlines()[-1].split())
        counts = sandbox.store.sent_counts()
        return Result(
            case=case,
            seconds=seconds,
            peak=peak,
            requests=sum(sandbox.counters.requests.values()),
            refused=sandbox.counters.answers[429],
            is_exact=len(counts) == case.recipients and set(counts.values()) == {1},
        )


def _insert_recipients(connection: dict[str, Any], count: int) -> None:
    rows = ((f"+1{2_012_000_000 + number}", f"Name {number}") for number in range(count))
    create = "CREATE TABLE members (phone VARCHAR(20), first_name VARCHAR(20))"
    if connection["conn_type"] == "sqlite":
        _insert_into_sqlite(connection["host"], create, rows)
    else:
        _insert_into_postgresql(connection, create, rows)


def _insert_into_sqlite(file: str, create: str, rows: Iterator[tuple[str, str]]) -> None:
    import sqlite3

    with closing(sqlite3.connect(file)) as database:
        database.execute(create)
        database.executemany("INSERT INTO members VALUES (?, ?)", rows)
        database.commit()


def _insert_into_postgresql(connection: dict[str, Any], create: str, rows: Iterator[tuple[str, str]]) -> None:
    import psycopg2
    from psycopg2.extras import execute_values

    server = psycopg2.connect(host=connection["host"], user=connection["login"], dbname=connection["schema"])
    with closing(server) as database, database.cursor() as cursor:
        cursor.execute(create)
        execute_values(cursor, "INSERT INTO members VALUES %s", rows, page_size=1_000)
        database.commit()


def _print(result: Result, *, is_first: bool) -> None:
    if is_first:
        print("| database | recipients | batches of | seconds | recipients a second | requests | 429s | peak memory |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|")
    case = result.case
    print(
        f"| {case.database} | {case.recipients:,} | {case.batch_size:,} | {result.seconds:.1f} "
        f"| {case.recipients / result.seconds:,.0f} | {result.requests} | {result.refused} "
        f"| {result.peak:.0f} MiB |" + ("" if result.is_exact else " NOT EXACT"),
        flush=True,
    )


def _execute(batch_size: int) -> None:
    """Send the campaign as a worker does, and print the seconds and the peak memory in mebibytes."""
    from airflow_provider_hvsms.operators.campaigns import HvsmsSendBatchOperator
    from tests.support.send_operator import run_of

    operator = HvsmsSendBatchOperator(
        task_id="send",
        from_number=SENDER,
        sql_conn_id="warehouse",
        sql='SELECT phone AS "to", first_name FROM members',
        text="Hello {first_name}, our store opens at nine.",
        max_batch_size=batch_size,
        ledger_conn_id="warehouse",
    )
    started = time.monotonic()
    operator.execute(run_of())
    seconds = time.monotonic() - started
    # Not `ru_maxrss`, which starts at what the parent used.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(f"{seconds} {int(peak.split()[1]) / 1024}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["send"]:
        _execute(int(sys.argv[2]))
    else:
        sys.exit(main())
