"""Runs a backfill on three Celery workers, kills one of them, and prints whether all is there and how fast it went.

Run it as `python tests/benchmarks/backfill.py`; it takes about eight minutes, with `--days 12` about three. It needs
the extra `benchmark` and the system's package `redis-server`, and starts everything else: PostgreSQL, a store, and
Airflow with scheduler, DAG processor, API server and workers.

The DAG is the example `hvsms_backfill_days`. A cluster policy makes its pages smaller, so that a day takes as many
requests as with 20,000 messages; the quota window is 15 seconds long, so that minutes become seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.benchmarks import backfill_report as report
from tests.benchmarks.backfill_airflow import CeleryAirflow
from tests.benchmarks.backfill_services import PostgreSql, postgresql, redis

DAG_ID = "hvsms_backfill_days"
EXAMPLE = Path(__file__).parents[2] / "dags_examples" / f"{DAG_ID}.py"
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 60
PAGES_A_DAY, PER_PAGE = 36, 200

LIMIT, WINDOW = 50, 10.0
LOGINS = 5

WORKERS = ("worker-1", "worker-2", "worker-3")
CONCURRENCY = 2
SLOTS = len(WORKERS) * CONCURRENCY
RUNS = SLOTS + 3
"""More than slots, so that no slot stays empty while a run waits for a retry, or is being started."""
RESTART_AFTER = 5.0

FEWEST_RUNS = 3
NEEDED_SHARE = 0.85
ALLOWED_REFUSALS = 1
MAX_SECONDS = 1800

POLICY = f"""
def task_policy(task):
    task.per_page = {PER_PAGE}
"""


class Killed(NamedTuple):
    """The worker that was killed, and the runs whose tasks it was executing."""

    worker: str
    run_ids: list[str]


class Backfill:
    """One backfill, from its command to the end of its last run."""

    def __init__(self, airflow: CeleryAirflow, database: PostgreSql, days: int) -> None:
        self._airflow = airflow
        self._database = database
        self._days = days
        self.seconds = 0.0

    def run(self) -> Killed:
        """Run the backfill, and kill a worker when half of its runs are done."""
        self._airflow.unpause(DAG_ID)
        started = time.monotonic()
        last = START + timedelta(days=self._days - 1)
        dates = ["--from-date", f"{START:%Y-%m-%d}", "--to-date", f"{last:%Y-%m-%d}"]
        self._airflow.run("backfill", "create", "--dag-id", DAG_ID, *dates, "--max-active-runs", str(RUNS))
        self._wait_for(self._days // 2)
        killed = self._kill_a_worker()
        time.sleep(RESTART_AFTER)
        self._airflow.start_worker(killed.worker)
        self._wait_for(self._days)
        self.seconds = time.monotonic() - started
        return killed

    def _wait_for(self, count: int) -> None:
        self._airflow.wait_until(lambda: self._ended() >= count, MAX_SECONDS, f"{count} runs have ended")

    def _ended(self) -> int:
        time.sleep(1)
        return sum(state in ("success", "failed") for state in report.run_states(self._database))

    def _kill_a_worker(self) -> Killed:
        """Kill the busiest worker, once there is one with a task."""
        while True:
            running = [task for task in report.tasks(self._database) if task.state == "running"]
            for worker in WORKERS:
                processes = self._airflow.processes_of(worker)
                if run_ids := [task.run_id for task in running if task.pid in processes]:
                    self._airflow.kill(worker)
                    return Killed(worker, run_ids)
            time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs a backfill on three workers.")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--own-sessions", action="store_true", help="each task logs in for itself")
    parser.add_argument("--keep", type=Path, help="a new folder for Airflow's home, which is kept")
    given = parser.parse_args()
    end = START + timedelta(days=given.days)
    messages = given.days * PAGES_A_DAY * PER_PAGE
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hvsms-backfill-")))
        sandbox = stack.enter_context(
            Sandbox(
                Settings(
                    messages=messages, days=given.days, end=end, light=LIMIT, auth=LOGINS, window=WINDOW, penalty=WINDOW
                )
            )
        )
        database = stack.enter_context(postgresql(folder))
        broker = stack.enter_context(redis(folder))
        home = given.keep or folder / "airflow"
        airflow = stack.enter_context(_airflow(home, sandbox, database, broker, shared=not given.own_sessions))
        airflow.run("pools", "set", "hvsms", str(SLOTS), "Tasks that read the message store")
        for worker in WORKERS:
            airflow.start_worker(worker)
        for worker in WORKERS:
            airflow.wait_for_worker(worker)
        backfill = Backfill(airflow, database, given.days)
        killed = backfill.run()
        return 0 if all(list(_judge_all(sandbox, database, airflow, backfill, killed, given.days))) else 1


def _airflow(home: Path, sandbox: Sandbox, database: PostgreSql, broker: str, *, shared: bool) -> CeleryAirflow:
    dags = home / "dags"
    dags.mkdir(parents=True)
    shutil.copy(EXAMPLE, dags)
    (home / "config").mkdir()
    (home / "config" / "airflow_local_settings.py").write_text(POLICY)
    database.create("warehouse")
    store = sandbox.airflow_connection
    connections = {
        "hvsms_default": {**store, "extra": {**store["extra"], "shared_session": shared}},
        "warehouse": database.airflow_connection("warehouse"),
    }
    return CeleryAirflow(home, dags, connections, database, broker, CONCURRENCY)


def _judge_all(
    sandbox: Sandbox, database: PostgreSql, airflow: CeleryAirflow, backfill: Backfill, killed: Killed, days: int
) -> Iterator[bool]:
    counters = sandbox.counters
    print(json.dumps(counters.snapshot()))
    messages = len(sandbox.store.history)
    print(f"{days} days, {messages:,} messages, {counters.reads:,} requests in {backfill.seconds:.0f} s", flush=True)
    states = report.run_states(database)
    succeeded = states.count("success")
    yield _judge(f"{succeeded} runs succeeded", succeeded == days, f"{days} needed")
    wrong = report.inexact_days(sandbox, database)
    yield _judge(f"{days - len(wrong)} days are exact", not wrong, f"{days} needed {' '.join(wrong)}")
    usage = report.usage(sandbox, report.busy_spans(database, FEWEST_RUNS))
    share = usage.share(LIMIT, WINDOW)
    yield _judge(
        f"{share:.0%} of the quota was used in the {usage.seconds:.0f} s with {FEWEST_RUNS} active runs or more",
        share >= NEEDED_SHARE,
        f"{NEEDED_SHARE:.0%} needed",
    )
    refusals = {worker: report.refusals(airflow.log_folder(worker)) for worker in WORKERS}
    yield _judge(
        f"{counters.refused} requests were refused (429); by worker: {refusals}",
        max(refusals.values()) <= ALLOWED_REFUSALS and counters.refused <= len(WORKERS),
        f"{ALLOWED_REFUSALS} for each worker allowed",
    )
    again = [task for task in report.tasks(database) if task.run_id in killed.run_ids and task.tries > 1]
    yield _judge(
        f"{len(killed.run_ids)} tasks ran on {killed.worker} when it was killed, {len(again)} of them ran again",
        0 < len(killed.run_ids) == sum(task.state == "success" for task in again),
        "all needed",
    )
    print(f"       {sum(counters.logins.values())} logins, {counters.refreshes} refreshes, {counters.revokes} revokes")


def _judge(what: str, is_good: bool, measure: str) -> bool:
    print(f"{'good  ' if is_good else 'MISSED'} {what} ({measure})", flush=True)
    return is_good


if __name__ == "__main__":
    sys.exit(main())
