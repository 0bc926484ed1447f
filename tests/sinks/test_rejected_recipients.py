"""Rejected recipients are kept in any database, once each, and as protected as was asked for."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import LoadFailed, LoadRefused, TableMismatch
from airflow_provider_hvsms.sinks.personal_data import PersonalData, Protection
from airflow_provider_hvsms.sinks.rejected_recipients import (
    BEFORE_SENDING,
    REJECTED_RECIPIENTS,
    RejectedTable,
    Rejection,
)
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.support.messages import NOON
from tests.support.rejected import FIRST, RUN, SECOND, keeper, rejection, untold


@pytest.fixture
def target(warehouse: Warehouse) -> RejectedTable:
    return table()


def table() -> RejectedTable:
    hook: Any = BaseHook.get_hook("warehouse")
    return RejectedTable(lambda layout: open_table(hook, "rejected", layout))


def contents(warehouse: Warehouse, columns: str = "part, to_number, position, error_code, batch_id") -> list[Any]:
    return warehouse.query(f"SELECT {columns} FROM rejected ORDER BY part, to_number, position")


def test_recipients_are_kept_with_their_reasons(warehouse: Warehouse, target: RejectedTable) -> None:
    rejected = keeper(target)
    rejected.keep(BEFORE_SENDING, [Rejection(to="nobody", rejected_at=NOON, description="Not a number.")])
    rejected.keep(1, [rejection(FIRST), rejection(SECOND, position=7)], batch_id="b1")
    assert contents(warehouse) == [
        (0, "nobody", None, None, None),
        (1, FIRST, 1, "SMS-RC-410", "b1"),
        (1, SECOND, 7, "SMS-RC-410", "b1"),
    ]
    runs = contents(warehouse, "dag_id, run_id, task_id, map_index")
    assert set(runs) == {(RUN.dag_id, RUN.run_id, RUN.task_id, -1)}


def test_phone_numbers_are_removed_from_the_reasons(warehouse: Warehouse, target: RejectedTable) -> None:
    keeper(target).keep(1, [rejection(FIRST)])
    assert contents(warehouse, "description") == [("*** is no mobile",)]


@pytest.mark.parametrize("setting", ["keep", "hash", "drop"])
def test_the_same_again_changes_nothing(warehouse: Warehouse, target: RejectedTable, setting: PersonalData) -> None:
    kept = [rejection(FIRST, place=1), rejection(SECOND, place=2, position=2)]
    for _ in range(2):
        keeper(target, setting).keep(1, kept, batch_id="b1")
        first = contents(warehouse, "fingerprint, loaded_at")
    assert contents(warehouse, "fingerprint, loaded_at") == first
    assert len(first) == 2


@pytest.mark.parametrize("setting", ["keep", "hash", "drop"])
def test_what_only_the_first_answer_told_stays(
    warehouse: Warehouse, target: RejectedTable, setting: PersonalData
) -> None:
    keeper(target, setting).keep(1, [rejection()], batch_id="b1")
    before = contents(warehouse, "*")
    keeper(target, setting).keep(1, [untold(rejection())], batch_id="b1")
    assert contents(warehouse, "*") == before


def test_a_reason_that_is_known_later_is_added(warehouse: Warehouse, target: RejectedTable) -> None:
    keeper(target).keep(1, [untold(rejection())])
    keeper(target).keep(1, [rejection()])
    assert contents(warehouse, "error_code, position") == [("SMS-RC-410", 1)]


def test_parts_and_runs_are_kept_apart(warehouse: Warehouse, target: RejectedTable) -> None:
    others = [dataclasses.replace(RUN, run_id="another"), dataclasses.replace(RUN, map_index=3)]
    for run in (RUN, *others):
        keeper(target, run=run).keep(1, [rejection()])
    keeper(target).keep(2, [rejection()])
    assert len(contents(warehouse)) == 4


def test_hashes_are_those_of_loads(sqlite_warehouse: Warehouse) -> None:
    keeper(table(), "hash").keep(1, [rejection(FIRST)])
    assert contents(sqlite_warehouse, "to_number") == [(Protection("hash", "a key of the tests").numbers(FIRST),)]


def test_numbers_that_are_dropped_cannot_be_found_by_trying(sqlite_warehouse: Warehouse) -> None:
    keeper(table(), "drop").keep(1, [rejection(FIRST)])
    before = contents(sqlite_warehouse, "*")
    assert contents(sqlite_warehouse, "to_number") == [(None,)]
    keeper(table(), "drop").keep(1, [rejection(SECOND, description=f"{FIRST} is no mobile")])
    assert contents(sqlite_warehouse, "*") == before, "the number has a part in the row"


@pytest.mark.parametrize("setting", ["hash", "drop"])
def test_reasons_of_protected_rows_hold_no_part_of_a_number(sqlite_warehouse: Warehouse, setting: PersonalData) -> None:
    keeper(table(), setting).keep(1, [rejection(description="Area 415 is closed")])
    assert contents(sqlite_warehouse, "description") == [("Area *** is closed",)]


@pytest.mark.parametrize("setting", ["keep", "hash", "drop"])
def test_recipients_without_a_number_are_told_apart_by_their_place(
    warehouse: Warehouse, target: RejectedTable, setting: PersonalData
) -> None:
    kept = [Rejection(to=None, rejected_at=NOON), Rejection(to=None, rejected_at=NOON)]
    for _ in range(2):
        keeper(target, setting).keep(1, kept)
    assert contents(warehouse, "to_number") == [(None if setting == "drop" else "",)] * 2


def test_a_table_keeps_to_one_setting(sqlite_warehouse: Warehouse) -> None:
    keeper(table(), "keep").keep(1, [rejection()])
    with pytest.raises(TableMismatch, match="holds phone numbers as they are.*personal_data is 'hash'"):
        keeper(table(), "hash").check()


def test_a_table_of_something_else_is_refused_before_anything_is_sent(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE rejected (id INTEGER, reason TEXT)")
    with pytest.raises(TableMismatch, match="rejected"):
        keeper(table()).check()


def test_a_database_that_cannot_be_written_shows_before_anything_is_sent(sqlite_warehouse: Warehouse) -> None:
    hook: Any = BaseHook.get_hook("warehouse")
    elsewhere = RejectedTable(lambda layout: open_table(hook, "no_schema.rejected", layout))
    with pytest.raises((LoadFailed, LoadRefused), match="no_schema"):
        keeper(elsewhere).check()


def test_the_check_leaves_no_table_behind(warehouse: Warehouse, target: RejectedTable) -> None:
    keeper(target).check()
    assert warehouse.tables() == []


def test_without_rejected_recipients_no_table_is_opened() -> None:
    def opened(layout: Any) -> Any:
        raise AssertionError("the table was opened")

    keeper(RejectedTable(opened)).keep(1, [])


def test_representations_show_no_number() -> None:
    assert "415" not in repr(rejection())


def test_columns_are_the_documented_ones() -> None:
    assert REJECTED_RECIPIENTS.names == [
        "fingerprint", "dag_id", "run_id", "task_id", "map_index", "part", "to_number", "position", "error_code",
        "description", "batch_id", "rejected_at", "loaded_at",
    ]  # fmt: skip
