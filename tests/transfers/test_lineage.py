"""What OpenLineage and assets learn of loads, in an Airflow with its provider of OpenLineage."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from airflow_provider_hvsms.sinks.schema import MESSAGES, REJECTS

DAG_FILE = Path(__file__).parent / "dags" / "lineage.py"
AIRFLOW_2 = int(version("apache-airflow").split(".")[0]) < 3
END = datetime(2025, 11, 3, tzinfo=UTC)
ACCOUNT = "400100200"
STORE = f"hvsms://{ACCOUNT}"
FILTERED = "+16505550177"
PLANTED = "A text that cannot be read"


@dataclasses.dataclass(frozen=True)
class Run:
    """What is left of a run of the DAG `lineage`.

    :param personal: the phone numbers and texts of the store.
    """

    home: Path
    personal: set[str]

    @property
    def emitted(self) -> str:
        return (self.home / "events.jsonl").read_text()

    def event(self, task_id: str, kind: str = "COMPLETE") -> dict[str, Any]:
        events = [json.loads(line) for line in self.emitted.splitlines()]
        [found] = [one for one in events if (one["job"]["name"], one["eventType"]) == (f"lineage.{task_id}", kind)]
        return dict(found)

    def inputs(self, task_id: str, kind: str = "COMPLETE") -> list[tuple[str, str, int | None]]:
        """Namespace, name and rows of what a task read."""
        return [_described(one, "inputFacets", "inputStatistics") for one in self.event(task_id, kind)["inputs"]]

    def outputs(self, task_id: str, kind: str = "COMPLETE") -> list[tuple[str, str, int | None]]:
        """Namespace, name and rows of what a task wrote."""
        return [_described(one, "outputFacets", "outputStatistics") for one in self.event(task_id, kind)["outputs"]]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            return database.execute(sql).fetchall()


def _described(dataset: dict[str, Any], facets: str, statistics: str) -> tuple[str, str, int | None]:
    return dataset["namespace"], dataset["name"], dataset[facets].get(statistics, {}).get("rowCount")


def _connections(sandbox: Sandbox, home: Path, postgres: Path) -> dict[str, Any]:
    store = sandbox.airflow_connection
    return {
        "hvsms_default": {**store, "extra": {**store["extra"], "account_id": ACCOUNT}},
        "warehouse": {"conn_type": "sqlite", "host": str(home / "warehouse.sqlite")},
        "duck": {"conn_type": "duckdb", "host": str(home / "warehouse.duckdb")},
        "server": {"conn_type": "postgres", "host": str(postgres), "login": "postgres", "schema": "lineage"},
    }


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, postgres_server: Any) -> Run:
    """The DAG `lineage`, which ran once, with 200 messages and one that cannot be read."""
    home, postgres = tmp_path_factory.mktemp("airflow"), Path(postgres_server.pgdata)
    postgres_server.psql("CREATE DATABASE lineage;")
    transport = {"type": "file", "log_file_path": str(home / "events.jsonl"), "append": True}
    with Sandbox(Settings(messages=200, days=2, end=END, opt_outs=30, light=10_000, auth=1_000)) as sandbox:
        sandbox.store.add_raw_message({"id": 7, "text": PLANTED}, created=datetime(2025, 11, 2, tzinfo=UTC))
        connections = _connections(sandbox, home, postgres)
        environment = {
            **os.environ,
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAG_FILE.parent),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__OPENLINEAGE__INCLUDE_FULL_TASK_INFO": "True",  # as much as it can be told to emit
            "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "300",
        }
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, env=environment)
        with (home / "log").open("w") as log:
            subprocess.run([sys.executable, DAG_FILE], check=True, env=environment, stdout=log, stderr=log)
        messages = sandbox.store.messages
        personal = {value for one in messages for value in (one.from_number, *one.to_numbers, one.text)}
    # A short text may be a part of anything.
    return Run(home, {value for value in personal if len(value) > 5} | {FILTERED, PLANTED})


def test_a_load_into_a_table_reads_the_store_and_writes_the_table_and_its_rejects(ran: Run) -> None:
    database = f"sqlite://{ran.home}/warehouse.sqlite"
    assert ran.inputs("table") == [(STORE, "messages", 201)]
    assert ran.outputs("table") == [(database, "messages", 200), (database, "messages_rejects", 1)]


def test_rows_that_did_not_change_the_table_were_not_written(ran: Run) -> None:
    assert ran.inputs("table_again") == [(STORE, "messages", 201)]
    database = f"sqlite://{ran.home}/warehouse.sqlite"
    assert ran.outputs("table_again") == [(database, "messages", 0), (database, "messages_rejects", 1)]


def test_the_columns_of_what_is_written_are_named_with_their_types(ran: Run) -> None:
    rows, rejects = (
        {field["name"]: field["type"] for field in dataset["facets"]["schema"]["fields"]}
        for dataset in ran.event("table")["outputs"]
    )
    assert list(rows) == MESSAGES.names
    assert (rows["id"], rows["segment_count"], rows["cost"]) == ("string", "bigint", "decimal(18,6)")
    assert list(rejects) == REJECTS.names


def test_a_table_on_a_server_has_the_name_that_airflow_gives_its_database(ran: Run) -> None:
    assert ran.inputs("statuses") == [(STORE, "statuses", 5)]
    [(namespace, name, rows)] = ran.outputs("statuses")
    assert namespace.startswith("postgres://")
    assert (name, rows) == ("lineage.public.statuses", 5)


def test_kept_fields_are_a_column(ran: Run) -> None:
    assert ran.inputs("opt_outs") == [(STORE, "opt-outs", 30)]
    assert ran.outputs("opt_outs") == [(f"duckdb://{ran.home}/warehouse.duckdb", "opt_outs", 30)]
    assert "extra" in [field["name"] for field in ran.event("opt_outs")["outputs"][0]["facets"]["schema"]["fields"]]


def test_a_load_into_a_folder_writes_the_folder_and_the_file_of_its_rejects(ran: Run) -> None:
    folder = f"{ran.home}/lake/lineage"
    assert ran.outputs("folder") == [("file", folder, 200), ("file", f"{folder}/_rejects.jsonl", 1)]


def test_a_load_into_a_delta_table_writes_the_table_and_that_of_its_rejects(ran: Run) -> None:
    folder = f"{ran.home}/lake/delta"
    assert ran.outputs("delta") == [("file", folder, 200), ("file", f"{folder}_rejects", 1)]


def test_folders_by_day_are_one_dataset(ran: Run) -> None:
    [(store, resource, read)] = ran.inputs("partitions")
    assert (store, resource) == (STORE, "batches")
    assert ran.outputs("partitions") == [("file", f"{ran.home}/lake/batches", read)]


def test_a_load_that_fails_names_its_datasets_and_counts_nothing(ran: Run) -> None:
    assert ran.inputs("fails", "FAIL") == [(STORE, "messages", None)]
    assert ran.outputs("fails", "FAIL") == [(f"sqlite://{ran.home}/warehouse.sqlite", "messages", None)]


def test_a_load_whose_lineage_cannot_be_told_succeeds(ran: Run) -> None:
    assert ran.query("SELECT state FROM task_instance WHERE task_id = 'unnamed'") == [("success",)]
    assert ran.outputs("unnamed") == []


def test_nothing_that_is_emitted_holds_a_phone_number_a_text_or_a_secret(ran: Run) -> None:
    secrets = {"sandbox-secret", Settings().jwt}
    assert len(ran.personal) > 100
    assert [value for value in ran.personal | secrets if value in ran.emitted] == []


def test_the_events_of_assets_hold_the_summary_of_the_load(ran: Run) -> None:
    tables = ("dataset_event", "dataset", "dataset_id") if AIRFLOW_2 else ("asset_event", "asset", "asset_id")
    event, asset, key = tables
    found = ran.query(f"SELECT uri, {event}.extra FROM {event} JOIN {asset} ON {asset}.id = {key} ORDER BY uri")
    assert [uri for uri, _ in found] == ["hvsms://~/messages", "loaded_messages"]
    summaries = [json.loads(extra) for _, extra in found]
    assert summaries[0] == summaries[1]
    expected = {
        "rows": 200,
        "rejected": 1,
        "date_from": "2025-11-01T00:00:00+00:00",
        "date_to": END.isoformat(),
        "inserted": 200,
        "updated": 0,
        "unchanged": 0,
    }
    assert expected.items() <= summaries[0].items()
