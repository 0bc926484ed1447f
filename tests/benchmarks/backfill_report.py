"""What a backfill did: read from the store, the warehouse, Airflow's database and the tasks' logs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from airflow_provider_hvsms.sandbox import Sandbox
from tests.benchmarks.backfill_services import PostgreSql

DAG_ID = "hvsms_backfill_days"

_TOO_MANY_REQUESTS = 429

_REFUSAL = re.compile(r"Attempt \d+ of \d+: .*the service answered 429")

_LOADED = """
    SELECT id, to_char(creation_time AT TIME ZONE 'UTC', 'YYYY-MM-DD'), direction, from_number, message_status,
           batch_id, error_code
      FROM hvsms_messages
"""

_TASKS = f"SELECT run_id, state, try_number, pid FROM task_instance WHERE dag_id = '{DAG_ID}'"

_STATES = f"SELECT state FROM dag_run WHERE dag_id = '{DAG_ID}'"

_TRIES = " UNION ALL ".join(
    f"SELECT extract(epoch FROM start_date)::float, extract(epoch FROM end_date)::float FROM {table} "
    f"WHERE dag_id = '{DAG_ID}' AND start_date IS NOT NULL AND end_date IS NOT NULL"
    for table in ("task_instance", "task_instance_history")
)
"""Each try of a task, from its start to its end. One that died ends when the scheduler notices it."""


class Task(NamedTuple):
    """A run's only task. Its process id is known once it runs."""

    run_id: str
    state: str | None
    tries: int
    pid: int | None


class Usage(NamedTuple):
    """Requests that were admitted in some seconds."""

    requests: int
    seconds: float

    def share(self, limit: int, window: float) -> float:
        return self.requests / (self.seconds * limit / window) if self.seconds else 0.0


def run_states(postgresql: PostgreSql) -> list[str]:
    return [state for (state,) in postgresql.query("airflow", _STATES)]


def tasks(postgresql: PostgreSql) -> list[Task]:
    return [Task(*row) for row in postgresql.query("airflow", _TASKS)]


def inexact_days(sandbox: Sandbox, postgresql: PostgreSql) -> list[str]:
    """The days on which the warehouse differs from the store by a row or a value."""
    loaded = Counter(postgresql.query("warehouse", _LOADED))
    stored = Counter(
        (
            str(message.id),
            f"{datetime.fromtimestamp(message.created // 1_000_000, UTC):%Y-%m-%d}",
            message.direction,
            message.from_number,
            message.final_status,
            message.batch_id,
            message.error_code,
        )
        for message in sandbox.store.history
    )
    return sorted({row[1] for row in (loaded - stored) + (stored - loaded)})


def busy_spans(postgresql: PostgreSql, at_least: int) -> list[tuple[float, float]]:
    """The spans, in seconds since the epoch, in which at least so many tasks were running."""
    tries: list[tuple[float, float]] = postgresql.query("airflow", _TRIES)
    changes = sorted([(start, 1) for start, _ in tries] + [(end, -1) for _, end in tries])
    spans, running, since = [], 0, 0.0
    for at, change in changes:
        if running >= at_least:
            spans.append((since, at))
        running, since = running + change, at
    return spans


def usage(sandbox: Sandbox, spans: Iterable[tuple[float, float]]) -> Usage:
    spans = list(spans)
    times = [entry.time for entry in sandbox.counters.log if entry.status != _TOO_MANY_REQUESTS]
    requests = sum(any(start <= time < end for start, end in spans) for time in times)
    return Usage(requests, sum(end - start for start, end in spans))


def refusals(log_folder: Path) -> int:
    """The 429s that the tasks of one worker were answered, by their logs."""
    return sum(len(_REFUSAL.findall(log.read_text(errors="replace"))) for log in log_folder.rglob("*.log*"))
