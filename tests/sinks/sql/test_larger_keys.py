"""The key of a table may hold more columns than a record's key, as that of a partitioned table does."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused, TableMismatch
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, REJECTS, Changes
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.loading import SECOND_LOAD, rows, table, unreadable
from tests.support.messages import LOADED_AT, NOON, REJECT, message

LATER = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))


TYPES = {
    "sqlite": ("TEXT", "DATETIME"),
    "postgres": ("TEXT", "TIMESTAMP WITH TIME ZONE"),
    "duckdb": ("TEXT", "TIMESTAMP"),
    "mysql": ("VARCHAR(50) COLLATE utf8mb4_bin", "DATETIME(6)"),
}
"""Of an id, and of a time."""


def create_table(warehouse: Warehouse, key: str, more: str = "") -> None:
    """Create a table of messages with another primary key; its other columns are added by the first load."""
    id_type, time_type = TYPES[str(warehouse.connection["conn_type"])]
    columns = f"id {id_type} NOT NULL, creation_time {time_type} NOT NULL, message_status TEXT"
    warehouse.run(f"CREATE TABLE messages ({columns}, PRIMARY KEY ({key})) {more}")


@pytest.mark.parametrize("key", ["id, creation_time", "creation_time, id"])
def test_key_may_hold_the_creation_time(warehouse: Warehouse, key: str) -> None:
    create_table(warehouse, key)
    assert table().load([rows(message(1), message(2), message(2))]) == Changes(inserted=2, updated=0, unchanged=0)
    again = rows(LATER, message(2), message(3), loaded_at=SECOND_LOAD)
    assert table().load([again]) == Changes(inserted=1, updated=1, unchanged=1)
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == [
        ("1", "Delivered"),
        ("2", "Sent"),
        ("3", "Sent"),
    ]


def test_key_of_batches_may_hold_the_creation_time(postgres_warehouse: Warehouse) -> None:
    batches = dataclasses.replace(table(), layout=BATCHES)
    batches.load([])
    postgres_warehouse.run("ALTER TABLE messages DROP CONSTRAINT messages_pkey, ADD PRIMARY KEY (id, creation_time)")
    row = ("1", "+1", 2, 2, "Completed", 0, "[]", None, NOON, NOON, LOADED_AT)
    batches.load([[row]])
    assert batches.load([[row]]) == Changes(inserted=0, updated=0, unchanged=1)


def create_partitioned_table(warehouse: Warehouse) -> None:
    """Create a table that is partitioned by creation time, with one partition: for November."""
    if warehouse.connection["conn_type"] == "postgres":
        create_table(warehouse, "id, creation_time", "PARTITION BY RANGE (creation_time)")
        warehouse.run(
            "CREATE TABLE november PARTITION OF messages "
            "FOR VALUES FROM ('2026-11-01 00:00+00') TO ('2026-12-01 00:00+00')"
        )
    else:
        november = "(PARTITION november VALUES LESS THAN ('2026-12-01'))"
        create_table(warehouse, "id, creation_time", f"PARTITION BY RANGE COLUMNS (creation_time) {november}")


@pytest.mark.parametrize("name", ["postgres", "mysql"])
def test_partitioned_table_is_loaded(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    create_partitioned_table(warehouse)
    table().load([rows(message(1), message(2))])
    assert table().load([rows(LATER, message(2), message(3))]) == Changes(inserted=1, updated=1, unchanged=1)
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == [
        ("1", "Delivered"),
        ("2", "Sent"),
        ("3", "Sent"),
    ]


@pytest.mark.parametrize("name", ["postgres", "mysql"])
def test_missing_partition_is_refused_in_words(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    create_partitioned_table(warehouse)
    december = message(2, creation_time=NOON + timedelta(days=40))
    with pytest.raises(LoadRefused, match=r"partition.*The table was not changed\. .*Create the partition"):
        table().load([rows(message(1), december)])
    assert warehouse.query("SELECT id FROM messages") == []


def test_key_that_holds_a_changing_column_is_refused(warehouse: Warehouse) -> None:
    """Each status of a message would be a row of its own."""
    table("template").load([])
    warehouse.run("CREATE TABLE messages AS SELECT * FROM template")
    status = "message_status(20)" if warehouse.connection["conn_type"] == "mysql" else "message_status"
    warehouse.run(f"CREATE UNIQUE INDEX by_status ON messages (id, {status})")
    with pytest.raises(TableMismatch, match=r"on \(id\).*Add one. .* creation_time, direction"):
        table().load(unreadable())


def test_key_that_holds_a_column_of_the_user_is_refused(warehouse: Warehouse) -> None:
    table("template").load([])
    warehouse.run("CREATE TABLE messages AS SELECT * FROM template")
    warehouse.run("ALTER TABLE messages ADD COLUMN team VARCHAR(20) DEFAULT 'none'")
    warehouse.run("CREATE UNIQUE INDEX by_team ON messages (id, team)")
    with pytest.raises(TableMismatch, match=r"has no primary key or unique constraint on \(id\)"):
        table().load(unreadable())


def test_key_that_holds_a_creation_time_which_may_be_null_is_refused(warehouse: Warehouse) -> None:
    """Of rows with a null in it, a unique index accepts any number."""
    table("template").load([])
    warehouse.run("CREATE TABLE messages AS SELECT * FROM template")
    warehouse.run("CREATE UNIQUE INDEX by_time ON messages (id, creation_time)")
    with pytest.raises(TableMismatch, match="if they are NOT NULL: creation_time"):
        table().load(unreadable())


def test_own_key_is_preferred_to_a_larger_one(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    warehouse.run("CREATE UNIQUE INDEX by_time ON messages (id, creation_time)")
    moved = message(1, creation_time=NOON, last_modified_time=NOON + timedelta(hours=3))
    assert table().load([rows(moved)]) == Changes(inserted=0, updated=1, unchanged=0)


def test_key_of_rejects_may_not_hold_the_time_of_the_load(postgres_warehouse: Warehouse) -> None:
    def load() -> None:
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add([], REJECTS.rows([REJECT], LOADED_AT))
            sink.finish({})

    load()
    key = "DROP CONSTRAINT messages_rejects_pkey, ADD PRIMARY KEY (fingerprint, loaded_at)"
    postgres_warehouse.run(f"ALTER TABLE messages_rejects {key}")
    with pytest.raises(TableMismatch, match=r"messages_rejects.*on \(fingerprint\).*Add one"):
        load()
