"""Concurrent loads give the same table as consecutive ones."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
import sqlalchemy as sa

from airflow_provider_hvsms.api.errors import LoadFailed
from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.sinks.schema import MESSAGES, REJECTS, Row
from airflow_provider_hvsms.sinks.sql.registry import open_database
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.loading import rows, table, unreadable
from tests.support.messages import LOADED_AT, NOON, REJECT, message

ItemT = TypeVar("ItemT")


def in_threads(load: Callable[[ItemT], None], items: list[ItemT]) -> None:
    with ThreadPoolExecutor(len(items)) as pool:
        for running in [pool.submit(load, item) for item in items]:
            running.result(timeout=60)


def test_concurrent_loads_give_the_same_table_as_consecutive_ones(warehouse: Warehouse) -> None:
    """Each has another state of the same records, in another order, and both find no table when they start."""
    states = {
        "first": [message(number) for number in range(200)],
        "second": [
            message(number, message_status="Delivered", last_modified_time=NOON + timedelta(days=1))
            for number in reversed(range(100, 300))
        ],
    }
    both_staged = threading.Barrier(2, timeout=20)

    def load(messages: list[Message]) -> None:
        def batches() -> Iterator[list[Row]]:
            yield rows(*messages)
            both_staged.wait()

        table().load(batches())

    in_threads(load, list(states.values()))
    assert warehouse.query("SELECT message_status, count(*) FROM messages GROUP BY 1 ORDER BY 1") == [
        ("Delivered", 200),
        ("Sent", 100),
    ]


def test_loads_that_start_at_once_do_not_fail(warehouse: Warehouse) -> None:
    """All check at the same time whether the table exists and can be created."""
    ready = threading.Barrier(6, timeout=20)

    def load(number: int) -> None:
        loader = table()
        ready.wait()
        for _ in range(5):
            loader.load([rows(message(number))])

    in_threads(load, list(range(6)))
    assert warehouse.query("SELECT count(*) FROM messages") == [(6,)]


@pytest.mark.parametrize("name", ["postgres", "mysql", "sqlite", "duckdb"])
def test_concurrent_first_loads_with_rejects_do_not_fail(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    ready = threading.Barrier(4, timeout=20)

    def load(number: int, table_name: str) -> None:
        hook = table().hook
        ready.wait()
        with open_table(hook, table_name, MESSAGES, with_rejects=True) as sink:
            sink.add(rows(message(number)), REJECTS.rows([REJECT], LOADED_AT))
            sink.finish({})

    for run in range(5):
        in_threads(functools.partial(load, table_name=f"messages{run}"), list(range(4)))
        assert warehouse.query(f"SELECT count(*) FROM messages{run}") == [(4,)]
        assert warehouse.query(f"SELECT count(*) FROM messages{run}_rejects") == [(1,)]


def test_staging_does_not_lock_the_target(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])

    def batches() -> Iterator[list[Row]]:
        yield rows(message(2))
        warehouse.run("UPDATE messages SET direction = 'Inbound'")
        yield rows(message(3))

    table().load(batches())
    assert warehouse.query("SELECT id, direction FROM messages ORDER BY id") == [
        ("1", "Inbound"), ("2", "Outbound"), ("3", "Outbound"),
    ]  # fmt: skip


@pytest.mark.parametrize("exists", [True, False])
def test_lock_belongs_to_the_table_not_to_its_spelling(postgres_warehouse: Warehouse, exists: bool) -> None:
    """With and without its schema, a name has the same lock."""
    if exists:
        table().load([])
    database = open_database(table().hook)
    held = []
    for schema, name in ((None, "messages"), ("public", "messages"), (None, "others")):
        with database.engine.connect() as connection:
            with database.transaction(connection, sa.Table(name, sa.MetaData(), schema=schema)):
                held += postgres_warehouse.query(
                    "SELECT classid, objid FROM pg_locks JOIN pg_database ON pg_database.oid = database "
                    "WHERE locktype = 'advisory' AND datname = current_database()"
                )
    assert len(held) == 3
    assert held[0] == held[1] != held[2]


def test_locked_database_is_a_transient_error(sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.sinks.sql.sqlite.MAX_LOCK_WAIT", 0)
    with sqlite_warehouse._engine.connect() as other:
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(LoadFailed, match="locked"):
            table().load(unreadable())
