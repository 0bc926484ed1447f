"""An existing table has the unique key that a merge needs."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused, TableMismatch
from airflow_provider_hvsms.sinks.schema import MESSAGES, REJECTS, STATUSES
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.loading import rows, table, unreadable
from tests.support.messages import LOADED_AT, REJECT, message


def test_table_without_the_key_is_refused_before_the_read(warehouse: Warehouse) -> None:
    table("template").load([])
    warehouse.run("CREATE TABLE messages AS SELECT * FROM template")
    with pytest.raises(TableMismatch, match=r"has no primary key or unique constraint on \(id\)"):
        table().load(unreadable())


def test_unique_index_is_accepted_as_key(warehouse: Warehouse) -> None:
    table("template").load([])
    warehouse.run("CREATE TABLE messages AS SELECT * FROM template")
    warehouse.run("CREATE UNIQUE INDEX by_id ON messages (id)")
    table().load([rows(message(1))])
    assert warehouse.query("SELECT count(*) FROM messages") == [(1,)]


def test_key_of_statuses_can_hold_fifteen_phone_numbers(warehouse: Warehouse) -> None:
    numbers = ",".join(f"+{650_555_000_000_000 + number}" for number in range(15))
    row = (
        LOADED_AT, LOADED_AT, "3157ac7d-38ba-4f1a-9a7b-1c5f0e9d2a34", "Outbound", numbers, "DeliveryFailed", 1,
        Decimal("1234567.5"), "{}", LOADED_AT,
    )  # fmt: skip
    statuses = dataclasses.replace(table(), layout=STATUSES)
    for _ in range(2):
        statuses.load([[row]])
    assert warehouse.query("SELECT phone_numbers, cost FROM messages") == [
        (numbers, pytest.approx(Decimal("1234567.5")))
    ]


POSTGRES_PROBLEMS = {
    "an id of a numeric type": "ALTER TABLE messages ALTER COLUMN id TYPE bigint USING 1",
    "a partial unique index": "ALTER TABLE messages DROP CONSTRAINT messages_pkey; "
    "CREATE UNIQUE INDEX by_id ON messages (id) WHERE direction = 'Outbound'",
    "a deferrable key": "ALTER TABLE messages DROP CONSTRAINT messages_pkey; "
    "ALTER TABLE messages ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED",
    "a timestamp of a text type": "ALTER TABLE messages ALTER COLUMN creation_time TYPE text",
}


@pytest.mark.parametrize("change", POSTGRES_PROBLEMS.values(), ids=POSTGRES_PROBLEMS.keys())
def test_postgres_refuses_a_table_without_a_usable_key_or_type(postgres_warehouse: Warehouse, change: str) -> None:
    table().load([])
    postgres_warehouse.run(change)
    with pytest.raises((LoadRefused, TableMismatch), match="messages"):
        table().load(unreadable())


def test_mysql_refuses_another_unique_key_before_the_read(mysql_warehouse: Warehouse) -> None:
    """Its upsert would overwrite the record with the same value."""
    table().load([rows(message(1))])
    mysql_warehouse.run("CREATE UNIQUE INDEX unique_minute ON messages (last_modified_time)")
    with pytest.raises(TableMismatch, match=r"another unique key, \(last_modified_time\)"):
        table().load(unreadable())


def test_mysql_refuses_a_prefix_index_as_key(mysql_warehouse: Warehouse) -> None:
    table().load([])
    mysql_warehouse.run("ALTER TABLE messages DROP PRIMARY KEY, ADD UNIQUE INDEX by_id (id(3))")
    with pytest.raises(TableMismatch, match=r"has no primary key or unique constraint on \(id\)"):
        table().load(unreadable())


def test_mysql_refuses_a_case_insensitive_collation_of_the_key(mysql_warehouse: Warehouse) -> None:
    table().load([])
    mysql_warehouse.run("ALTER TABLE messages MODIFY id VARCHAR(180) COLLATE utf8mb4_general_ci NOT NULL")
    with pytest.raises(TableMismatch, match="collation utf8mb4_general_ci for 'id'.*utf8mb4_bin"):
        table().load(unreadable())


def test_mysql_refuses_a_table_that_cannot_roll_back(mysql_warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    mysql_warehouse.run("ALTER TABLE messages ENGINE = MyISAM")
    with pytest.raises(TableMismatch, match="MyISAM, which cannot roll back .* ENGINE = InnoDB"):
        table().load(unreadable())


def test_mysql_can_require_a_primary_key_of_every_table(mysql_warehouse: Warehouse) -> None:
    mysql_warehouse.run("SET GLOBAL innodb_force_primary_key = ON")
    try:
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add(rows(message(1)), REJECTS.rows([REJECT], LOADED_AT))
            sink.finish({})
    finally:
        mysql_warehouse.run("SET GLOBAL innodb_force_primary_key = OFF")
    assert mysql_warehouse.tables() == ["messages", "messages_rejects"]
