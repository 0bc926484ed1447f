"""Prints the statements and the peak memory of loading 10,000 and 1,000,000 messages into an emulated Snowflake.

Run it as `.venv-snowflake/bin/python -m tests.benchmarks.load_snowflake`; it starts sandboxes and an emulator, and
takes about two minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from airflow_provider_hvsms.sandbox import Sandbox, Settings

FEW, MANY = 10_000, 1_000_000
"""Messages."""
END = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 100
ALLOWED_MEBIBYTES = 60
STATEMENTS_OF_A_PART = 3
"""PUT and COPY, and a second PUT by which the connector asks for the address of a bucket like the emulator's."""
ROWS_PER_PART = 100_000


def main() -> int:
    from tests.emulators.snowflake.emulator import running

    figures = {}
    with running() as emulator:
        for wanted in (FEW, MANY):
            emulator.statements.clear()
            peak = _peak_of_loading(wanted, json.dumps({**emulator.connection, "network_timeout": 600}))
            figures[wanted] = (len(emulator.statements), peak)
            print(f"{wanted:>9,} messages: {len(emulator.statements):>3} statements, {peak:6.1f} MiB at the most")
    more_parts = (MANY - FEW) // ROWS_PER_PART
    more_statements, more_memory = (many - few for few, many in zip(figures[FEW], figures[MANY], strict=True))
    print(f"{'difference':>18}: {more_statements:>3.0f} statements for {more_parts} more parts, {more_memory:6.1f} MiB")
    fits = more_memory <= ALLOWED_MEBIBYTES and more_statements <= more_parts * STATEMENTS_OF_A_PART
    return 0 if fits else 1


def _peak_of_loading(wanted: int, emulator: str) -> float:
    snowflake = {"account": "emulator", "database": f"OF_{wanted}", "warehouse": "LOADING"}
    connection = {"conn_type": "snowflake", "login": "loader", "password": "-", "schema": "SMS", "extra": snowflake}
    settings = Settings(messages=wanted, days=DAYS, end=END, light=1_000_000)
    with Sandbox(settings) as sandbox, TemporaryDirectory() as home:
        environment = {
            "AIRFLOW_CONN_HVSMS_DEFAULT": json.dumps(sandbox.airflow_connection),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps(connection),
            "AIRFLOW_HOME": home,
            "HVSMS_TEST_SNOWFLAKE": emulator,
        }
        run = subprocess.run(
            [sys.executable, "-m", __spec__.name, str(wanted)],
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    return float(run.stdout.splitlines()[-1])


def _load(wanted: int) -> None:
    import snowflake.connector

    from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
    from tests.emulators.snowflake.connecting import connect_to

    snowflake.connector.connect = connect_to(json.loads(os.environ["HVSMS_TEST_SNOWFLAKE"]))
    operator = HvsmsMessagesToSqlOperator(
        task_id="load",
        sql_conn_id="warehouse",
        table="messages",
        date_from=END - timedelta(days=DAYS),
        date_to=END,
    )
    summary = operator.execute({})
    assert summary["inserted"] == summary["rows"] == wanted, summary
    # Not `ru_maxrss`, which starts at what the parent used.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(int(peak.split()[1]) / 1024)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        _load(int(sys.argv[1]))
    else:
        sys.exit(main())
