"""The ledger in a table."""

from __future__ import annotations

import dataclasses
import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import LedgerConflict, LoadRefused, TableMismatch
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sql_ledger import SqlLedger
from airflow_provider_hvsms.sinks.sql import registry
from tests.campaigns import racing
from tests.campaigns.contract import LedgerContract
from tests.campaigns.entries import NOON, RUN, changed, entry
from tests.conftest import Warehouse

DATABASES = ["sqlite", "postgres", "mysql", "duckdb"]


def open_ledger(table: str = "hvsms_campaigns") -> SqlLedger:
    return SqlLedger(BaseHook.get_connection("warehouse").get_hook(), table)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> Warehouse:
    warehouse: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return warehouse


@pytest.fixture
def ledger(database: Warehouse) -> SqlLedger:
    return open_ledger()


class TestSqlLedger(LedgerContract):
    """On each database."""


class TestGenericSqlLedger(LedgerContract):
    """On a database without a file of its own."""

    @pytest.fixture
    def ledger(self, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> SqlLedger:
        monkeypatch.delitem(registry.DATABASES, "sqlite")
        return open_ledger()


def test_entries_are_there_for_the_next_try(database: Warehouse) -> None:
    open_ledger().add(entry())
    assert open_ledger().entries(RUN) == {1: entry()}


def test_conflict_between_two_ledgers(database: Warehouse) -> None:
    first, second = open_ledger(), open_ledger()
    first.add(entry())
    second.replace(changed(entry(), attempts=2))
    with pytest.raises(LedgerConflict):
        first.replace(changed(entry(), attempts=3))


@pytest.mark.parametrize(
    "change", [{"dag_id": "Campaign"}, {"run_id": "other"}, {"task_id": "SEND"}, {"map_index": 0}], ids=str
)
def test_entries_of_runs_do_not_mix(ledger: SqlLedger, change: dict[str, Any]) -> None:
    """Ids that differ in case only are different."""
    other = dataclasses.replace(RUN, **change)
    ledger.add(entry())
    ledger.add(entry(run=other, size=7))
    assert ledger.entries(RUN) == {1: entry()}
    assert ledger.entries(other) == {1: entry(run=other, size=7)}


def test_entries_of_tables_do_not_mix(database: Warehouse) -> None:
    first, second = open_ledger(), open_ledger("others")
    first.add(entry())
    assert second.entries(RUN) == {}
    second.add(entry())


@pytest.mark.parametrize("length", [250, 251, 1_000])
def test_long_ids_stay_different(ledger: SqlLedger, length: int) -> None:
    """Also those that are equal but for their last character, or that a key could not hold."""
    runs = [dataclasses.replace(RUN, dag_id="ü" * 250, task_id="t" * 250, run_id="r" * (length - 1) + c) for c in "ab"]
    for size, run in enumerate(runs):
        ledger.add(entry(run=run, size=size))
    assert [ledger.entries(run) for run in runs] == [{1: entry(run=run, size=size)} for size, run in enumerate(runs)]


def test_recent_entries_are_those_of_any_run_that_may_have_been_sent(ledger: SqlLedger) -> None:
    fingerprint = entry().fingerprint
    expected = []
    for state in EntryState:
        run = dataclasses.replace(RUN, run_id=state.value)
        one = entry(run=run, state=state)
        ledger.add(one)
        if state not in (EntryState.NOT_CREATED, EntryState.SKIPPED):
            expected.append(one)
    ledger.add(entry(run=dataclasses.replace(RUN, run_id="another text"), fingerprint="f" * 64))
    earlier = NOON - timedelta(microseconds=1)
    ledger.add(entry(run=dataclasses.replace(RUN, run_id="earlier"), intended_at=earlier))
    found = ledger.recent(fingerprint, NOON)
    assert sorted(one.run.run_id for one in found) == sorted(one.run.run_id for one in expected)
    assert all(one in expected for one in found)


@pytest.mark.parametrize("name", ["sqlite", "postgres", "mysql"])
@pytest.mark.parametrize("exists", [True, False], ids=["table", "no table"])
def test_of_processes_that_add_at_once_exactly_one_succeeds(
    request: pytest.FixtureRequest, name: str, exists: bool
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    if exists:
        open_ledger().entries(RUN)
    found = racing.race(4, racing.add, racing.sql_ledger, json.dumps(warehouse.connection))
    assert found == {"won": 1, "LedgerConflict": 3}


@pytest.mark.parametrize("name", ["sqlite", "postgres", "mysql"])
def test_of_processes_that_replace_at_once_exactly_one_succeeds(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    open_ledger().add(entry())
    found = racing.race(4, racing.replace, racing.sql_ledger, json.dumps(warehouse.connection))
    assert found == {"won": 1, "LedgerConflict": 3}


def test_table_that_another_process_has_just_created_is_used(
    database: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ledger().add(entry())
    kind = type(registry.open_database(BaseHook.get_connection("warehouse").get_hook()))
    columns, looks = kind.columns, itertools.count()
    monkeypatch.setattr(kind, "columns", lambda *arguments: columns(*arguments) if next(looks) else {})
    assert open_ledger().entries(RUN) == {1: entry()}
    assert next(looks) > 1


def test_table_of_a_schema(postgres_warehouse: Warehouse) -> None:
    postgres_warehouse.run("CREATE SCHEMA crm")
    open_ledger("crm.campaigns").add(entry())
    assert postgres_warehouse.query("SELECT part, state FROM crm.campaigns") == [(1, "intended")]


def test_times_are_stored_in_utc(database: Warehouse) -> None:
    open_ledger().add(entry())
    assert database.query("SELECT intended_at FROM hvsms_campaigns") == [("2026-11-01T12:00:00.123456Z",)]


def test_table_with_other_columns_is_refused(database: Warehouse) -> None:
    database.run("CREATE TABLE hvsms_campaigns (id INTEGER, dag_id VARCHAR(20))")
    with pytest.raises(TableMismatch, match="it lacks .*fingerprint.* and also has id"):
        open_ledger().add(entry())


def test_table_with_a_column_that_no_entry_fills_is_refused(postgres_warehouse: Warehouse) -> None:
    open_ledger().entries(RUN)
    postgres_warehouse.run("ALTER TABLE hvsms_campaigns ADD owner TEXT NOT NULL")
    with pytest.raises(TableMismatch, match="owner"):
        open_ledger().add(entry())


def test_table_without_the_key_is_refused(database: Warehouse) -> None:
    open_ledger("others").entries(RUN)
    database.run("CREATE TABLE hvsms_campaigns AS SELECT * FROM others")
    with pytest.raises(TableMismatch, match=r"no primary key .*dag_id, run_id, task_id, map_index, part"):
        open_ledger().add(entry())


def test_mysql_table_that_compares_without_regard_to_case_is_refused(mysql_warehouse: Warehouse) -> None:
    open_ledger().entries(RUN)
    mysql_warehouse.run("ALTER TABLE hvsms_campaigns MODIFY run_id VARCHAR(250) NOT NULL COLLATE utf8mb4_general_ci")
    with pytest.raises(TableMismatch, match="utf8mb4_general_ci"):
        open_ledger().add(entry())


@pytest.mark.parametrize("name", ["", " ", "schema."])
def test_empty_name_of_a_table_is_refused(sqlite_warehouse: Warehouse, name: str) -> None:
    with pytest.raises(TableMismatch, match="no table name"):
        open_ledger(name)


def test_name_that_is_too_long_is_refused(postgres_warehouse: Warehouse) -> None:
    with pytest.raises(TableMismatch, match="too long"):
        open_ledger("x" * 64).entries(RUN)


def test_missing_schema_is_refused(postgres_warehouse: Warehouse) -> None:
    with pytest.raises(LoadRefused, match=r'schema "crm" does not exist.*CREATE TABLE crm.campaigns'):
        open_ledger("crm.campaigns").add(entry())


def test_way_to_resolve_holds_both_decisions_as_json(sqlite_warehouse: Warehouse) -> None:
    text = open_ledger().how_to_resolve(entry(3))
    about = {"run_id": RUN.run_id, "task_id": "send", "map_index": RUN.map_index, "part": 3}
    if RUN.map_index < 0:
        del about["map_index"]
    for decision in ({"batch_id": "<id of the batch>"}, {"not_created": True, "attempts": 1}):
        assert json.dumps({"hvsms_resolve": {**about, **decision}}) in text
    assert "trigger the DAG 'campaign'" in text
    assert f"clear the task 'send' of the run {RUN.run_id!r}" in text
