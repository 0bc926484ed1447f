"""Campaigns in DAG runs: what is sent, once; mapped and deferred tasks; and that no trace of people is left behind."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.support.leaks import Scan, without_requests_to_mask
from tests.support.present import own_present
from tests.support.send_operator import SENDER, TEXT, numbers, sent

ROOT = Path(__file__).parents[2]
DAGS = Path(__file__).parent / "dags" / "campaign_dags"
RECIPIENTS = {name: numbers(3, 10 * place) for place, name in enumerate(("list", "deferred", "dry", "state"), start=1)}
MEMBERS = {"query": numbers(2, 60), "mapped": numbers(2, 70)}


@dataclasses.dataclass(frozen=True)
class Ran:
    """Two runs of the DAG with the same run id, as after all of its tasks were cleared.

    :param once: how often each recipient was sent which text after the first run.
    """

    home: Path
    scan: Scan
    once: Counter[tuple[str, str]]
    twice: Counter[tuple[str, str]]

    def states(self, task_id: str) -> list[str]:
        query = "SELECT state FROM task_instance WHERE task_id = ? ORDER BY map_index"
        return [state for (state,) in self.query(query, task_id)]

    def result(self, task_id: str) -> Any:
        [(value,)] = self.query("SELECT value FROM xcom WHERE key = 'return_value' AND task_id = ?", task_id)
        decoded = json.loads(value)
        # Airflow 3 keeps JSON as a text in JSON.
        return json.loads(decoded) if isinstance(decoded, str) else decoded

    def query(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            return database.execute(sql, values).fetchall()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    home = tmp_path_factory.mktemp("airflow")
    with closing(sqlite3.connect(home / "warehouse.sqlite")) as database:
        database.execute("CREATE TABLE members (task TEXT, phone TEXT, name TEXT)")
        rows = [(name, phone, "Ada") for name, phones in MEMBERS.items() for phone in phones]
        database.executemany("INSERT INTO members VALUES (?, ?, ?)", rows)
        database.commit()
    with Sandbox(Settings(messages=100, days=3, light=10_000, auth=1_000, sending_time=0.5)) as sandbox:
        environment = _environment(home, sandbox)
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, env=environment
        )
        _run(home, environment)
        once = sent(sandbox, text=None)
        _run(home, environment)
        yield Ran(home, Scan.of(sandbox, TEXT), once, sent(sandbox, text=None))


def _environment(home: Path, sandbox: Sandbox) -> dict[str, str]:
    events = {"type": "file", "log_file_path": str(home / "lineage.jsonl"), "append": True}
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(events),
        "AIRFLOW__OPENLINEAGE__INCLUDE_FULL_TASK_INFO": "True",
        "AIRFLOW_CONN_HVSMS_DEFAULT": json.dumps(sandbox.airflow_connection),
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(home / "warehouse.sqlite")}),
        "RECIPIENTS": json.dumps(RECIPIENTS),
        "SENDER": SENDER,
        "TEXT": TEXT,
        "PYTHONPATH": str(ROOT),
    }


def _run(home: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, DAGS / "campaigns.py"],
        env={**environment, **own_present()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    with (home / "output").open("a") as output:
        output.write(without_requests_to_mask(done.stdout + done.stderr))


def test_each_task_sends_to_its_recipients_once(ran: Ran) -> None:
    expected = {*RECIPIENTS["list"], *RECIPIENTS["deferred"], *MEMBERS["query"], *MEMBERS["mapped"], "+12015551234"}
    expected |= set(RECIPIENTS["state"]) if AIRFLOW_V_3_3_PLUS else set()
    assert Counter(number for number, _ in ran.once.elements()) == Counter(expected)


def test_texts_are_those_of_the_campaign_and_of_the_recipients(ran: Ran) -> None:
    texts = dict(ran.once.keys())
    assert texts[MEMBERS["query"][0]] == "Hello Ada, the store opens at nine."
    assert texts["+12015551234"] == "Hello Ada, the store opens."
    assert texts[RECIPIENTS["list"][0]] == TEXT


@pytest.mark.parametrize("task_id", ["list", "sensor", "deferred", "dry", "query", "output"])
def test_tasks_succeed(ran: Ran, task_id: str) -> None:
    assert ran.states(task_id) == ["success"]


def test_a_mapped_task_without_a_source_fails_and_one_with_nobody_succeeds(ran: Ran) -> None:
    assert ran.states("mapped") == ["success", "failed", "success"]


def test_a_cleared_run_sends_nothing_that_the_ledger_in_the_database_has(ran: Ran) -> None:
    state = set(RECIPIENTS["state"])  # Airflow deletes the state with the run that `dag.test` replaces
    assert {key: count for key, count in ran.twice.items() if key[0] not in state} == {
        key: count for key, count in ran.once.items() if key[0] not in state
    }


def test_results_name_batches_and_counts(ran: Ran) -> None:
    result = ran.result("list")
    assert [batch["size"] for batch in result["batches"]] == [2, 1]
    assert {batch["how"] for batch in result["batches"]} == {"known"}
    assert ran.result("dry")["to_send"] == 3
    assert ran.result("deferred")["batches"][0]["status"] == "Completed"


def test_rendered_templates_show_counts_only(ran: Ran) -> None:
    rows = ran.query("SELECT task_id, rendered_fields FROM rendered_task_instance_fields")
    rendered = {task_id: json.loads(fields) if isinstance(fields, str) else fields for task_id, fields in rows}
    fields = rendered["list"]
    fields = json.loads(fields) if isinstance(fields, str) else fields
    assert (fields["recipients"], fields["text"]) == ("<3 recipients>", "<text>")


def test_no_trace_of_people_is_left_behind(ran: Ran) -> None:
    (ran.home / "warehouse.sqlite").rename(ran.home.parent / "warehouse.sqlite")
    with closing(sqlite3.connect(ran.home / "airflow.db")) as database:
        # What the DAG itself says: senders, and texts of mapped tasks.
        database.execute("DELETE FROM serialized_dag")
        database.commit()
        database.execute("VACUUM")
    assert (ran.home / "output").stat().st_size > 10_000
    assert ran.scan.leaks_in(ran.home) == []
    with closing(sqlite3.connect(ran.home.parent / "warehouse.sqlite")) as database:
        ledger = database.execute("SELECT * FROM hvsms_campaigns").fetchall()
    assert len(ledger) >= 5
    assert not ran.scan.found_in(repr(ledger))


def test_the_lineage_listener_was_at_work(ran: Ran) -> None:
    assert (
        '"list"' in (ran.home / "lineage.jsonl").read_text()
        or "campaigns.list" in (ran.home / "lineage.jsonl").read_text()
    )
