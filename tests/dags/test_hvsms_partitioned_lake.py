"""The lake with a folder for each day converges: late statuses reach it, and no message is in it twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.dags.conftest import RunExample, latest_result

DAY = timedelta(days=1)
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 7 * DAY
LATE = 40
"""Messages whose status changes hours after the end of their day."""


class Clock:
    """The store's clock."""

    now = MIDNIGHT

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    """A store of six days that end at midnight, and of messages whose status changes in the six hours after it."""
    with Sandbox(Settings(messages=2_000, days=6, end=MIDNIGHT, light=10_000, auth=1_000), clock=clock) as sandbox:
        for number in range(LATE):
            created = MIDNIGHT - timedelta(minutes=1 + number)
            sandbox.store.add_message(created=created, sent_after=0.1, settled_after=6 * 3600, text="Is it late?")
        yield sandbox


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW_VAR_HVSMS_LAKE", f"file://{tmp_path}/lake")
    return tmp_path / "lake" / "messages"


def query(lake: Path, sql: str) -> list[tuple[Any, ...]]:
    """Query all files of the lake as `messages`."""
    with duckdb.connect() as connection:
        files = f"read_parquet('{lake}/*/*.parquet', hive_partitioning = true)"
        connection.execute(f"CREATE VIEW messages AS FROM {files}")
        return connection.execute(sql).fetchall()


def test_late_statuses_reach_the_lake_and_each_message_is_in_it_once(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], run_example: RunExample, lake: Path, clock: Clock
) -> None:
    assert run_example("hvsms_partitioned_lake", MIDNIGHT) == "success"
    late = "SELECT DISTINCT message_status, creation_day FROM messages WHERE text = 'Is it late?'"
    yesterday = (MIDNIGHT - DAY).date()
    assert query(lake, late) == [("Sent", yesterday)]

    clock.now += DAY
    sandbox.store.add_message(created=clock.now - timedelta(hours=1))
    assert run_example("hvsms_partitioned_lake", clock.now) == "success"
    assert query(lake, late) == [("Delivered", yesterday)]
    expected = sorted(
        (str(message.id), message.creation_time.date())
        for message in sandbox.store.messages
        if message.creation_time >= MIDNIGHT - 4 * DAY
    )
    assert query(lake, "SELECT id, creation_day FROM messages ORDER BY id") == expected
    assert sorted(folder.name for folder in lake.iterdir() if folder.is_dir()) == [
        f"creation_day={(MIDNIGHT + number * DAY):%Y-%m-%d}" for number in range(-4, 1)
    ]


def test_a_day_that_runs_again_gives_the_same_lake(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], run_example: RunExample, lake: Path
) -> None:
    rows = []
    for _ in range(2):
        assert run_example("hvsms_partitioned_lake", MIDNIGHT) == "success"
        rows.append(query(lake, "SELECT COLUMNS(* EXCLUDE loaded_at)::VARCHAR FROM messages ORDER BY id"))
    assert rows[0] == rows[1]
    assert len(rows[0]) == latest_result("write_messages")["rows"]


def test_each_day_has_a_summary_and_its_own_rejects(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], run_example: RunExample, lake: Path
) -> None:
    created = MIDNIGHT - 2 * DAY
    sandbox.store.add_raw_message(
        {"id": 7, "creationTime": created.isoformat(), "segmentCount": "a few"}, created=created
    )
    assert run_example("hvsms_partitioned_lake", MIDNIGHT) == "success"
    days = [lake / f"creation_day={(MIDNIGHT - number * DAY):%Y-%m-%d}" for number in (4, 3, 2, 1)]
    summaries = [json.loads((day / "_SUCCESS").read_text()) for day in days]
    assert [summary["rejected"] for summary in summaries] == [0, 0, 1, 0]
    assert sum(summary["rows"] for summary in summaries) == latest_result("write_messages")["rows"]
    assert [len(list(day.glob("_rejects.jsonl"))) for day in days] == [0, 0, 1, 0]
