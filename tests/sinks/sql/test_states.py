"""Which of two states of a record wins is one rule in every database, and for every resource."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.api.records import OptOut
from airflow_provider_hvsms.sinks.schema import OPT_OUTS
from tests.conftest import Warehouse
from tests.sinks.sql.test_sink import NOON, Table, UnknownDatabaseHook, message, rows, table

EARLY, LATE = NOON, NOON + timedelta(hours=1)
TIMES: tuple[datetime | None, ...] = (None, EARLY, LATE)


@pytest.fixture(params=["sqlite", "postgres", "duckdb", "mysql", "any other"])
def target(request: pytest.FixtureRequest) -> Iterator[tuple[Warehouse, Table]]:
    """Each test that takes it runs once for each database, and once for plain SQL."""
    if request.param == "any other":
        warehouse = request.getfixturevalue("sqlite_warehouse")
        yield warehouse, Table(UnknownDatabaseHook(Path(warehouse.connection["host"])))
    else:
        warehouse = request.getfixturevalue(f"{request.param}_warehouse")
        yield warehouse, table()


def winner(first: datetime | None, second: datetime | None) -> str:
    """The newer one; a missing time is older than any; of two as new, the one that was read last."""
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
    return sorted((str(number), winner(*pair)) for number, pair in enumerate(PAIRS))


def test_of_two_states_in_one_load_the_newer_wins_and_of_equals_the_one_read_last(
    target: tuple[Warehouse, Table],
) -> None:
    warehouse, messages = target
    messages.load([rows(*states(*pair, number)) for number, pair in enumerate(PAIRS)])
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == expected()


def test_of_two_states_in_one_load_into_rows_that_are_there_it_is_the_same(target: tuple[Warehouse, Table]) -> None:
    warehouse, messages = target
    oldest = [message(number, last_modified_time=None) for number in range(len(PAIRS))]
    messages.load([rows(*oldest)])
    messages.load([rows(*states(*pair, number)) for number, pair in enumerate(PAIRS)])
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == expected()


def test_of_two_states_in_two_loads_it_is_the_same(target: tuple[Warehouse, Table]) -> None:
    warehouse, messages = target
    both = [states(*pair, number) for number, pair in enumerate(PAIRS)]
    messages.load([rows(*(first for first, _ in both))])
    messages.load([rows(*(second for _, second in both))])
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == expected()


@pytest.mark.parametrize("order", [("OptOut", "OptIn"), ("OptIn", "OptOut")])
def test_of_an_opt_out_that_comes_twice_the_one_read_last_wins(
    target: tuple[Warehouse, Table], order: tuple[str, str]
) -> None:
    warehouse, some = target
    opt_outs = [OptOut(from_number="+1", to=str(number), status=status) for status in order for number in range(50)]
    dataclasses.replace(some, layout=OPT_OUTS).load([OPT_OUTS.rows(opt_outs, NOON)])
    assert set(warehouse.query("SELECT status FROM messages")) == {(order[1],)}
