"""The demo of a campaign: it is sent, an answer is lost, it is waited for, loaded and reported on, and tried again."""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from airflow_provider_hvsms.sandbox.demo.airflow_home import LOG, REPORTS, WAREHOUSE, AirflowHome, is_ready
from airflow_provider_hvsms.sandbox.http.faults import Fault
from airflow_provider_hvsms.sandbox.sandbox import Sandbox
from airflow_provider_hvsms.sandbox.settings import Settings

DAG_ID = "hvsms_campaign"
SENDER = "+16505550100"
RECIPIENTS = 25_000
OPTED_OUT = 40
TOLL_FREE = 5
"""Numbers that the service rejects."""

_DUE = 10
"""The hour in New York at which the example runs."""

_BY_STATUS = """
    SELECT message_status, count(*), coalesce(sum(cost), 0)
      FROM hvsms_campaign_messages GROUP BY 1 ORDER BY 2 DESC
"""


def run_campaign_demo() -> int:
    """Run the demo in the current folder, print what becomes of the campaign, and return the exit code."""
    if not is_ready():
        return 1
    started = time.monotonic()
    WAREHOUSE.unlink(missing_ok=True)
    # The batches are complete before the first look for the lost one, and no request waits for quota.
    settings = Settings(messages=1_000, days=1, opt_outs=0, sending_time=4, auth=60, light=300)
    with Sandbox(settings) as sandbox, tempfile.TemporaryDirectory(prefix="hvsms-demo-") as home, LOG.open("w") as log:
        print(f"A message store listens on {sandbox.url}. What is sent to it goes to nobody.")
        _add_recipients(sandbox)
        print("Creating a temporary Airflow home …", flush=True)
        airflow = AirflowHome(Path(home), sandbox, log.fileno(), {"hvsms_sender": SENDER})
        airflow.add_examples(DAG_ID, poke_interval=2)
        _send(airflow, sandbox)
        _print_outcome(sandbox)
        _try_again(airflow, sandbox)
    _print_epilogue(time.monotonic() - started)
    return 0


def _add_recipients(sandbox: Sandbox) -> None:
    numbers = [f"+1{201 + place // 10_000}555{place % 10_000:04}" for place in range(RECIPIENTS - TOLL_FREE)]
    sandbox.store.assign_opt_outs(SENDER, numbers[::600][:OPTED_OUT], status="OptOut")
    numbers += [f"+1800555{place:04}" for place in range(TOLL_FREE)]
    names = ("Ada", "Ben", "Cleo", "Dan")
    day = _day_of_run(datetime.now(UTC))
    with closing(sqlite3.connect(WAREHOUSE)) as warehouse:
        warehouse.execute("CREATE TABLE campaign_members (send_on TEXT, phone TEXT, first_name TEXT)")
        rows = [(day, number, names[place % len(names)]) for place, number in enumerate(numbers)]
        warehouse.executemany("INSERT INTO campaign_members VALUES (?, ?, ?)", rows)
        warehouse.commit()
    print(
        f"The table campaign_members has {RECIPIENTS:,} recipients; {OPTED_OUT} of them have opted out, and "
        f"{TOLL_FREE} are toll-free numbers, which the service rejects."
    )


def _send(airflow: AirflowHome, sandbox: Sandbox) -> None:
    # The answer to the second batch is lost.
    sandbox.faults.add(Fault.lost_answer(), path="/batches", method="POST", after=1)
    print(f"Running the DAG {DAG_ID}. The answer to its second request will be lost …\n", flush=True)
    conf = {"max_failed_ratio": 0.5}
    airflow.run("dags", "test", DAG_ID, datetime.now(UTC).isoformat(), "--conf", json.dumps(conf))
    for line in _log_lines(
        r"The campaign: .*|Part \d+ is batch .*|Part \d+: batch .* was found.*|Done: .* are sent .*"
    ):
        print(f"  {line}")


def _print_outcome(sandbox: Sandbox) -> None:
    print(f"\n{'status':<16}{'messages':>10}{'cost':>10}")
    with closing(sqlite3.connect(WAREHOUSE)) as warehouse:
        for status, count, cost in warehouse.execute(_BY_STATUS):
            print(f"{status:<16}{count:>10,}{cost:>10.3f}")
        [(rejected,)] = warehouse.execute("SELECT count(*) FROM hvsms_rejected")
    counts = sandbox.store.sent_counts()
    print(
        f"\nThe store has {counts.total():,} messages to {len(counts):,} recipients: {_twice(sandbox):,} got two. The "
        f"{rejected} rejected ones are in the table hvsms_rejected."
    )


def _try_again(airflow: AirflowHome, sandbox: Sandbox) -> None:
    with closing(sqlite3.connect(airflow.database)) as database:
        [(run_id,)] = database.execute("SELECT run_id FROM dag_run WHERE dag_id = ?", [DAG_ID]).fetchall()
    print("\nRunning the task send of the same run again, as if it had been cleared …\n", flush=True)
    before, seen = sandbox.store.sent_counts().total(), LOG.stat().st_size
    airflow.run("tasks", "test", DAG_ID, "send", run_id)
    for line in _log_lines(r"Part \d+ is batch .*", start=seen):
        print(f"  {line}")
    more = sandbox.store.sent_counts().total() - before
    print(f"\nThe store has {more:,} messages more: {_twice(sandbox):,} recipients got two.")


def _print_epilogue(seconds: float) -> None:
    [*_, report] = sorted(REPORTS.glob("campaigns/*/delivery_report.html"), key=lambda path: path.stat().st_mtime)
    print(
        f"\nDone in {seconds:.0f} s. Statuses settle for hours; a later load would show more of them.\n"
        f"Open the report in a browser: {report.resolve().as_uri()}\n"
        f"The tables are in {WAREHOUSE.resolve()}: campaign_members, hvsms_campaigns (the ledger), "
        f"hvsms_campaign_messages and hvsms_rejected. Airflow's log is in {LOG.resolve()}."
    )


def _twice(sandbox: Sandbox) -> int:
    return sum(count > 1 for count in sandbox.store.sent_counts().values())


def _log_lines(pattern: str, *, start: int = 0) -> Iterator[str]:
    """The messages in the log, each once, without what Airflow adds to them.

    :param start: the byte from which it is read.
    """
    found = re.findall(rf"\b({pattern})", LOG.read_bytes()[start:].decode(errors="replace"))
    yield from dict.fromkeys(re.sub(r"\s*\[airflow.*$", "", line) for line in found)


def _day_of_run(now: datetime) -> str:
    """The day whose recipients a run of now selects: the last one on which it was due."""
    local = now.astimezone(ZoneInfo("America/New_York"))
    return str((local if local.hour >= _DUE else local - timedelta(days=1)).date())
