"""With `personal_data="hash"`, nothing that a run leaves behind shows a phone number, a text or a secret."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_provider_hvsms.plugins.hvsms import HvsmsPlugin
from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.dags.personal_data_run import PAGES, STATES
from tests.support.leaks import Leak, Scan, without_requests_to_mask
from tests.support.present import own_present

ROOT = Path(__file__).parents[2]
HASH_KEY = "the-hash-key-of-the-scan"
NEEDING_AIRFLOW_3 = {"hvsms_after_load", "hvsms_completed_batches"}
NEEDING_WAREHOUSES = {
    "hvsms_bigquery",
    "hvsms_bigquery_gcs",
    "hvsms_databricks",
    "hvsms_redshift",
    "hvsms_snowflake",
    "hvsms_snowflake_stage",
}
"""Examples whose targets are no part of these tests' environment."""
LEFT_OUT = NEEDING_WAREHOUSES if version("apache-airflow") >= "3" else NEEDING_WAREHOUSES | NEEDING_AIRFLOW_3
EXAMPLES = sorted({path.stem for path in (ROOT / "dags_examples").glob("*.py")} - LEFT_OUT)
CAMPAIGN_MEMBERS = """
    CREATE VIEW campaign_members AS
    SELECT '{day}' AS send_on, 'Ada' AS first_name, '+1201555' || column1 AS phone
      FROM (VALUES ('0101'), ('0102'), ('0103'))
    UNION ALL SELECT '{day}', 'Ben', '+1800555' || '0104'
    UNION ALL SELECT '{day}', 'Cleo', '201555' || '0105 at work'
"""
"""Puts the numbers together, so that the file does not hold them. The last two are rejected: by the service, before."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=3_000, days=3, light=10_000, auth=1_000, sending_time=1)) as sandbox:
        end = sandbox.settings.end
        assert end is not None
        message = {"id": 7, "from": "+16505550100", "to": ["+12015550123"], "text": "a text of an odd record"}
        sandbox.store.add_raw_message(message, created=end - timedelta(hours=1))
        created = datetime.now(UTC) - timedelta(hours=30)
        sandbox.store.add_batch(created=created, completed=created, size=1, batch_id="campaign")
        sandbox.store.add_message(created=created, batch_id="campaign", text="a text of the campaign")
        yield sandbox


@pytest.fixture(scope="module")
def left_behind(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that runs of the examples leave behind: Airflow's home and output, and all targets."""
    folder = tmp_path_factory.mktemp("runs")
    connection = sandbox.airflow_connection
    connection["extra"] = {**connection["extra"], "hash_key": HASH_KEY}
    events = {"type": "file", "log_file_path": str(folder / "lineage.jsonl"), "append": True}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "OPENLINEAGE_"))},
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags_examples"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(events),
        "AIRFLOW__OPENLINEAGE__INCLUDE_FULL_TASK_INFO": "True",
        "AIRFLOW_CONN_HVSMS_DEFAULT": json.dumps(connection),
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(folder / "warehouse.sqlite")}),
        "AIRFLOW_VAR_HVSMS_REPORTS": (folder / "reports").as_uri(),
        "AIRFLOW_VAR_HVSMS_SENDER": "+16505550100",
        "PYTHONPATH": str(ROOT),
    }
    end = sandbox.settings.end
    assert end is not None
    with closing(sqlite3.connect(folder / "warehouse.sqlite")) as warehouse:
        warehouse.execute(CAMPAIGN_MEMBERS.format(day=(end - timedelta(days=1)).date()))
    commands = (["-m", "airflow", "db", "migrate"], ["-m", "tests.dags.personal_data_run", end.isoformat(), *EXAMPLES])
    with (folder / "output.log").open("wb") as output:
        for command in commands:
            subprocess.run(
                [sys.executable, *command],
                cwd=folder,
                env={**environment, **own_present()},
                stdout=output,
                stderr=output,
                check=True,
            )
    log = folder / "output.log"
    log.write_text(without_requests_to_mask(log.read_text()))
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(left_behind: Path, name: str) -> None:
    states = dict(line.split() for line in (left_behind / STATES).read_text().splitlines())
    assert states[name] == "success"


def test_every_kind_of_trace_is_there_to_be_scanned(left_behind: Path) -> None:
    output = (left_behind / "output.log").read_text()
    assert "DEBUG" in output or "[debug" in output
    for pattern in ("home/airflow.db", "warehouse.sqlite", "lineage.jsonl", "reports/**/*.html", "lakes/**/_SUCCESS"):
        assert list(left_behind.glob(pattern)), pattern
    assert list(left_behind.glob("lakes/**/_rejects.jsonl"))
    if HvsmsPlugin.external_views:
        assert "<h1>Delivery report</h1>" in (left_behind / PAGES / "hvsms_delivery_report.html").read_text()


def test_the_campaign_was_sent_and_its_rejected_recipients_are_hashed(sandbox: Sandbox, left_behind: Path) -> None:
    assert sorted(sandbox.store.sent_counts().values()) == [1, 1, 1]
    with closing(sqlite3.connect(left_behind / "warehouse.sqlite")) as warehouse:
        [(state,)] = warehouse.execute("SELECT state FROM hvsms_campaigns").fetchall()
        rejected = [number for (number,) in warehouse.execute("SELECT to_number FROM hvsms_rejected ORDER BY part")]
    assert state == "recorded"
    assert [len(number) for number in rejected] == [64, 64]


def test_nothing_shows_a_number_a_text_or_a_secret(sandbox: Sandbox, left_behind: Path) -> None:
    assert Scan.of(sandbox, HASH_KEY, "a text of an odd record").leaks_in(left_behind) == []


@pytest.mark.parametrize("planted", ["+12015550123", "a text of the campaign", HASH_KEY])
def test_the_scan_would_find_what_was_planted(sandbox: Sandbox, left_behind: Path, planted: str) -> None:
    file = left_behind / "planted.log"
    file.write_text(f"Reading {planted} now.")
    try:
        found = Scan.of(sandbox, HASH_KEY).leaks_in(left_behind)
    finally:
        file.unlink()
    assert found == [Leak("planted.log", planted.removeprefix("+"))]
