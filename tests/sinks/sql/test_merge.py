"""The newer of two states of a record is kept, by the same rule in every database."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.records import OptOut
from airflow_provider_hvsms.sinks.schema import MESSAGES, OPT_OUTS
from tests.conftest import Warehouse
from tests.sinks.sql.loading import SECOND_LOAD, Table, rows, table
from tests.support.messages import NOON, message


def test_same_rows_again_do_not_change_the_table(warehouse: Warehouse) -> None:
    table().load([rows(message(1), message(2))])
    before = warehouse.query("SELECT * FROM messages ORDER BY id")
    table().load([rows(message(1), message(2), loaded_at=SECOND_LOAD)])
    assert warehouse.query("SELECT * FROM messages ORDER BY id") == before


def test_newer_state_replaces_row_and_loaded_at(warehouse: Warehouse) -> None:
    table().load([rows(message(1), message(2))])
    later = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))
    table().load([rows(later, loaded_at=SECOND_LOAD)])
    found = warehouse.query("SELECT id, message_status, loaded_at FROM messages ORDER BY id")
    assert [row[:2] for row in found] == [("1", "Delivered"), ("2", "Sent")]
    assert found[0][2] != found[1][2]


def test_older_state_does_not_replace_a_newer_one(warehouse: Warehouse) -> None:
    table().load([rows(message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3)))])
    table().load([rows(message(1), loaded_at=SECOND_LOAD)])
    assert warehouse.query("SELECT message_status FROM messages") == [("Delivered",)]


def test_newer_state_without_text_keeps_the_existing_text(warehouse: Warehouse) -> None:
    table().load([rows(message(1, text="Hello"))])
    later = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))
    table().load([rows(later)])
    assert warehouse.query("SELECT message_status, text FROM messages") == [("Delivered", "Hello")]


def test_text_is_added_to_a_row_without_one(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    table().load([rows(message(1, text="Hello"))])
    assert warehouse.query("SELECT text FROM messages") == [("Hello",)]


def test_older_state_does_not_replace_the_text(warehouse: Warehouse) -> None:
    later = message(1, text="of today", last_modified_time=NOON + timedelta(hours=3))
    table().load([rows(later)])
    table().load([rows(message(1, text="of yesterday"))])
    assert warehouse.query("SELECT text FROM messages") == [("of today",)]


def test_value_becomes_null_when_the_newer_state_has_none(warehouse: Warehouse) -> None:
    table().load([rows(message(1, error_code="SMS-CAR-104"))])
    table().load([rows(message(1, last_modified_time=NOON + timedelta(hours=3)))])
    assert warehouse.query("SELECT error_code FROM messages") == [(None,)]


@pytest.mark.parametrize("existing", [[], [2]], ids=["new table", "table with rows"])
def test_newer_state_of_a_record_read_twice_is_kept(warehouse: Warehouse, existing: list[int]) -> None:
    table().load([rows(*map(message, existing))] if existing else [])
    newer = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))
    table().load([rows(message(1), newer, message(2)), rows(message(1))])
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == [("1", "Delivered"), ("2", "Sent")]


def test_last_read_state_is_kept_without_a_version_column(warehouse: Warehouse) -> None:
    unversioned = dataclasses.replace(table(), layout=dataclasses.replace(MESSAGES, version=None))
    unversioned.load([rows(message(1, message_status="Delivered"))])
    unversioned.load([rows(message(1, message_status="Sent"))])
    assert warehouse.query("SELECT message_status FROM messages") == [("Sent",)]


def test_generic_database_merges_by_delete_and_insert(sqlite_warehouse: Warehouse, other_table: Table) -> None:
    other_table.load([rows(message(1, text="Hello"), message(2), message(3, message_status="Delivered"))])
    newer = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))
    older = message(3, last_modified_time=NOON - timedelta(hours=3))
    other_table.load([rows(newer, message(2), older, message(4), loaded_at=SECOND_LOAD)])
    found = sqlite_warehouse.query(
        "SELECT id, message_status, text, loaded_at > '2026-11-03' FROM messages ORDER BY id"
    )
    assert found == [
        ("1", "Delivered", "Hello", 1),
        ("2", "Sent", None, 0),
        ("3", "Delivered", None, 0),
        ("4", "Sent", None, 1),
    ]


EARLIER, LATER = NOON, NOON + timedelta(hours=1)
TIMES: tuple[datetime | None, ...] = (None, EARLIER, LATER)


def newer_state(first: datetime | None, second: datetime | None) -> str:
    """The newer one. A null version is the oldest. Of two equal versions, the one that was read last."""
    if first is None or second is None:
        return "second" if first is None else "first"
    return "first" if first > second else "second"


PAIRS = list(itertools.product(TIMES, TIMES))


def states(first: datetime | None, second: datetime | None, number: int) -> list[Any]:
    return [
        message(number, message_status=status, last_modified_time=time)
        for status, time in (("first", first), ("second", second))
    ]


def expected() -> list[tuple[str, str]]:
    return sorted((str(number), newer_state(*pair)) for number, pair in enumerate(PAIRS))


def test_newer_of_two_states_in_a_first_load_is_kept(target: tuple[Warehouse, Table]) -> None:
    warehouse, messages = target
    messages.load([rows(*states(*pair, number)) for number, pair in enumerate(PAIRS)])
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == expected()


def test_newer_of_two_states_in_one_load_replaces_an_existing_row(target: tuple[Warehouse, Table]) -> None:
    warehouse, messages = target
    oldest = [message(number, last_modified_time=None) for number in range(len(PAIRS))]
    messages.load([rows(*oldest)])
    messages.load([rows(*states(*pair, number)) for number, pair in enumerate(PAIRS)])
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == expected()


def test_newer_of_two_states_in_two_loads_is_kept(target: tuple[Warehouse, Table]) -> None:
    warehouse, messages = target
    both = [states(*pair, number) for number, pair in enumerate(PAIRS)]
    messages.load([rows(*(first for first, _ in both))])
    messages.load([rows(*(second for _, second in both))])
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == expected()


@pytest.mark.parametrize("order", [("OptOut", "OptIn"), ("OptIn", "OptOut")])
def test_last_read_state_of_an_opt_out_is_kept(target: tuple[Warehouse, Table], order: tuple[str, str]) -> None:
    warehouse, some = target
    opt_outs = [OptOut(from_number="+1", to=str(number), status=status) for status in order for number in range(50)]
    dataclasses.replace(some, layout=OPT_OUTS).load([OPT_OUTS.rows(opt_outs, NOON)])
    assert set(warehouse.query("SELECT status FROM messages")) == {(order[1],)}
