"""Runs a backfill on three Celery workers, kills one of them, and prints whether all is loaded and how fast it went.

Run it as `python tests/benchmarks/backfill.py`; it takes about eight minutes, with `--days 12` three. It needs the
extra `benchmark-celery` and the system's package `redis-server`, and starts everything else: PostgreSQL, a store, and
Airflow with scheduler, DAG processor, API server and workers.

The DAG is the example `hvsms_backfill_days`. A cluster policy makes its pages smaller, so that 6,000 messages a day
take as many requests as 60,000. The quota window is 12 seconds long instead of 60, so that the run takes minutes.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.benchmarks import backfill_report as report
from tests.benchmarks.backfill_airflow import CeleryAirflow
from tests.benchmarks.backfill_services import PostgreSql, postgresql, redis

EXAMPLE = Path(__file__).parents[2] / "dags_examples" / f"{report.DAG_ID}.py"
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 60
PAGES_A_DAY, PER_PAGE = 60, 100

LIMIT, WINDOW = 120, 12.0

WORKERS = ("worker-1", "worker-2", "worker-3")
CONCURRENCY = 3
SLOTS = 8
"""Of the pool: tasks that read at once."""
RUNS = 11
"""More than slots, so that none stays empty while a run is being started, or waits for its retry."""
RESTART_AFTER = 5.0

FEWEST_TASKS = 3
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


class Setting(NamedTuple):
    """All that runs: the store, the databases, Airflow."""

    days: int
    sandbox: Sandbox
    database: PostgreSql
    airflow: CeleryAirflow

    def backfill(self) -> Killed:
        """Run the backfill to its end, and kill a worker when half of its runs are done."""
        last = START + timedelta(days=self.days - 1)
        dates = ["--from-date", f"{START:%Y-%m-%d}", "--to-date", f"{last:%Y-%m-%d}"]
        self.airflow.run("backfill", "create", "--dag-id", report.DAG_ID, *dates, "--max-active-runs", str(RUNS))
        self._wait_for(self.days // 2)
        killed = self._kill_a_worker()
        # As a service manager does.
        time.sleep(RESTART_AFTER)
        self.airflow.start_worker(killed.worker)
        self._wait_for(self.days)
        return killed

    def _wait_for(self, count: int) -> None:
        self.airflow.wait_until(lambda: self._ended() >= count, MAX_SECONDS, f"{count} runs have ended")

    def _ended(self) -> int:
        time.sleep(1)
        return sum(state in ("success", "failed") for state in report.run_states(self.database))

    def _kill_a_worker(self) -> Killed:
        """Kill a worker and all its processes, once one is executing a task."""
        while True:
            running = [task for task in report.tasks(self.database) if task.state == "running"]
            for worker in WORKERS:
                processes = self.airflow.processes_of(worker)
                if run_ids := [task.run_id for task in running if task.pid in processes]:
                    self.airflow.kill(worker)
                    return Killed(worker, run_ids)
            time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs a backfill on three Celery workers, and kills one of them.")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--own-sessions", action="store_true", help="without shared_session: each task logs in")
    parser.add_argument("--home", type=Path, help="keep Airflow's home, with all logs, in this new folder")
    given = parser.parse_args()
    with _running(given.days, given.home, shared=not given.own_sessions) as setting:
        started = time.monotonic()
        killed = setting.backfill()
        seconds = time.monotonic() - started
        good = [*_judge_tables(setting), *_judge_quota(setting), *_judge_kill(setting, killed)]
        _print_summary(setting, seconds)
    return 0 if all(good) else 1


@contextmanager
def _running(days: int, home: Path | None, *, shared: bool) -> Iterator[Setting]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hvsms-backfill-")))
        sandbox = stack.enter_context(Sandbox(_store_of(days)))
        database = stack.enter_context(postgresql(folder))
        broker = stack.enter_context(redis(folder))
        airflow = stack.enter_context(_airflow(home or folder / "airflow", sandbox, database, broker, shared=shared))
        airflow.run("pools", "set", "hvsms", str(SLOTS), "Tasks that read the message store")
        for worker in WORKERS:
            airflow.start_worker(worker)
        for worker in WORKERS:
            airflow.wait_for_worker(worker)
        airflow.unpause(report.DAG_ID)
        yield Setting(days, sandbox, database, airflow)


def _store_of(days: int) -> Settings:
    end = START + timedelta(days=days)
    messages = days * PAGES_A_DAY * PER_PAGE
    return Settings(messages=messages, days=days, end=end, light=LIMIT, window=WINDOW, penalty=WINDOW)


def _airflow(home: Path, sandbox: Sandbox, database: PostgreSql, broker: str, *, shared: bool) -> CeleryAirflow:
    dags, config = home / "dags", home / "config"
    for folder in (dags, config):
        folder.mkdir(parents=True)
    shutil.copy(EXAMPLE, dags)
    (config / "airflow_local_settings.py").write_text(POLICY)
    database.create("warehouse")
    store = sandbox.airflow_connection
    connections = {
        "hvsms_default": {**store, "extra": {**store["extra"], "shared_session": shared}},
        "warehouse": database.airflow_connection("warehouse"),
    }
    return CeleryAirflow(home, dags, connections, database, broker, CONCURRENCY)


def _judge_tables(setting: Setting) -> Iterator[bool]:
    succeeded = report.run_states(setting.database).count("success")
    yield _judge(f"{succeeded} runs succeeded", succeeded == setting.days, f"{setting.days} needed")
    wrong = report.inexact_days(setting.sandbox, setting.database)
    yield _judge(
        f"{setting.days - len(wrong)} days are exact", not wrong, f"{setting.days} needed; {wrong or 'none'} wrong"
    )


def _judge_quota(setting: Setting) -> Iterator[bool]:
    usage = report.usage(setting.sandbox, report.busy_spans(setting.database, FEWEST_TASKS))
    share = usage.share(LIMIT, WINDOW)
    yield _judge(
        f"{share:.1%} of the quota was used in the {usage.seconds:.0f} s with {FEWEST_TASKS} running tasks or more",
        share >= NEEDED_SHARE,
        f"{NEEDED_SHARE:.0%} needed",
    )
    refusals = {worker: report.refusals(setting.airflow.log_folder(worker)) for worker in WORKERS}
    by_worker = ", ".join(f"{count} on {worker}" for worker, count in refusals.items())
    refused = setting.sandbox.counters.refused
    # A worker that is killed may not have logged its last one.
    yield _judge(
        f"{refused} requests were refused (429): {by_worker}",
        max(refusals.values()) <= ALLOWED_REFUSALS and refused <= ALLOWED_REFUSALS * len(WORKERS),
        f"{ALLOWED_REFUSALS} a worker allowed",
    )


def _judge_kill(setting: Setting, killed: Killed) -> Iterator[bool]:
    again = [task for task in report.tasks(setting.database) if task.run_id in killed.run_ids and task.tries > 1]
    succeeded = sum(task.state == "success" for task in again)
    yield _judge(
        f"{killed.worker} was killed while it executed {len(killed.run_ids)} tasks; {succeeded} succeeded when retried",
        succeeded == len(killed.run_ids),
        "all needed",
    )


def _print_summary(setting: Setting, seconds: float) -> None:
    counters = setting.sandbox.counters
    print(
        f"{setting.days} days, {len(setting.sandbox.store.history):,} messages, {counters.reads:,} requests, "
        f"{sum(counters.logins.values())} logins, {counters.answers[401]} ended sessions (401), {seconds:.0f} s"
    )


def _judge(what: str, is_good: bool, measure: str) -> bool:
    print(f"{'good  ' if is_good else 'MISSED'} {what} ({measure})", flush=True)
    return is_good


if __name__ == "__main__":
    sys.exit(main())
