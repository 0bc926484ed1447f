"""A table may have columns of its user's, and gets columns of ours that it lacks."""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused, TableMismatch, UnsuitableDatabase
from airflow_provider_hvsms.sinks.schema import MESSAGES, REJECTS
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import UnknownPostgresHook
from tests.sinks.sql.loading import SECOND_LOAD, Table, interrupted, rows, table, unreadable
from tests.support.messages import LOADED_AT, NOON, REJECT, message

LATER = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))


def columns_of(warehouse: Warehouse, name: str = "messages") -> list[str]:
    return [
        column
        for (column,) in warehouse.query(
            f"SELECT name FROM pragma_table_xinfo('{name}')"
            if warehouse.connection["conn_type"] == "sqlite"
            else f"SELECT column_name FROM information_schema.columns WHERE table_name = '{name}'"
            + (" AND table_schema = DATABASE()" if warehouse.connection["conn_type"] == "mysql" else "")
        )
    ]


def drop_column(warehouse: Warehouse, column: str, name: str = "messages") -> None:
    warehouse.run(f"ALTER TABLE {name} DROP COLUMN {column}")


def test_columns_of_the_user_keep_their_values(warehouse: Warehouse) -> None:
    table().load([rows(message(1), message(2))])
    warehouse.run("ALTER TABLE messages ADD COLUMN note VARCHAR(20)")
    warehouse.run("ALTER TABLE messages ADD COLUMN team VARCHAR(20) DEFAULT 'none'")
    warehouse.run("UPDATE messages SET note = 'seen', team = 'north'")
    table().load([rows(LATER, message(2), message(3), loaded_at=SECOND_LOAD)])
    assert warehouse.query("SELECT id, message_status, note, team FROM messages ORDER BY id") == [
        ("1", "Delivered", "seen", "north"),
        ("2", "Sent", "seen", "north"),
        ("3", "Sent", None, "none"),
    ]


def test_generic_database_keeps_the_columns_of_the_user(sqlite_warehouse: Warehouse, other_table: Table) -> None:
    other_table.load([rows(message(1), message(2))])
    sqlite_warehouse.run("ALTER TABLE messages ADD COLUMN note TEXT")
    sqlite_warehouse.run("UPDATE messages SET note = 'seen'")
    other_table.load([rows(LATER, message(2), message(3))])
    assert sqlite_warehouse.query("SELECT id, message_status, note FROM messages ORDER BY id") == [
        ("1", "Delivered", "seen"),
        ("2", "Sent", "seen"),
        ("3", "Sent", None),
    ]


@pytest.mark.parametrize("name", ["sqlite", "postgres", "duckdb", "mysql"])
def test_generated_columns_of_the_user_follow_the_row(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    columns = {
        "sqlite": "id TEXT PRIMARY KEY, message_status TEXT, shout TEXT AS (upper(message_status)) STORED NOT NULL",
        "postgres": "id TEXT PRIMARY KEY, message_status TEXT, "
        "shout TEXT GENERATED ALWAYS AS (upper(message_status)) STORED NOT NULL",
        "duckdb": "id TEXT PRIMARY KEY, message_status TEXT, shout TEXT AS (upper(message_status))",
        "mysql": "id VARCHAR(50) COLLATE utf8mb4_bin PRIMARY KEY, message_status TEXT, "
        "shout VARCHAR(20) AS (upper(message_status))",
    }
    warehouse.run(f"CREATE TABLE messages ({columns[name]})")
    table().load([rows(message(1))])
    table().load([rows(LATER)])
    assert warehouse.query("SELECT id, message_status, shout FROM messages") == [("1", "Delivered", "DELIVERED")]


@pytest.mark.parametrize("name", ["sqlite", "postgres", "mysql"])
def test_trigger_of_the_user_fills_a_column(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    warehouse.run("ALTER TABLE messages ADD COLUMN note VARCHAR(20)")
    for statement in TRIGGERS[name]:
        warehouse.run(statement)
    table().load([rows(message(1))])
    table().load([rows(LATER, message(2))])
    assert warehouse.query("SELECT id, note FROM messages ORDER BY id") == [("1", "set"), ("2", "set")]


TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER fill AFTER INSERT ON messages BEGIN UPDATE messages SET note = 'set' WHERE id = new.id; END"
    ],
    "postgres": [
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'set'; RETURN NEW; END $$",
        "CREATE TRIGGER fill BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION fill()",
    ],
    "mysql": ["CREATE TRIGGER fill BEFORE INSERT ON messages FOR EACH ROW SET NEW.note = 'set'"],
}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("sqlite", "number INTEGER PRIMARY KEY NOT NULL"),
        ("postgres", "number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        ("postgres", "number BIGSERIAL PRIMARY KEY"),
        ("mysql", "number BIGINT AUTO_INCREMENT PRIMARY KEY"),
    ],
)
def test_rows_may_be_numbered_by_the_database(request: pytest.FixtureRequest, name: str, column: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    key = "id VARCHAR(50) COLLATE utf8mb4_bin" if name == "mysql" else "id TEXT"
    warehouse.run(f"CREATE TABLE messages ({column}, {key} NOT NULL UNIQUE, direction TEXT)")
    for number in (1, 2):
        table().load([rows(message(1), message(number))])
    assert [row for (row,) in warehouse.query("SELECT id FROM messages ORDER BY number")] == ["1", "2"]


def test_column_that_no_load_fills_is_refused_before_the_read(warehouse: Warehouse) -> None:
    key = "id VARCHAR(50) NOT NULL PRIMARY KEY"
    warehouse.run(f"CREATE TABLE messages ({key}, direction TEXT, team VARCHAR(20) NOT NULL)")
    with pytest.raises(TableMismatch, match="NOT NULL without a default: team. Nothing was written.*nullable"):
        table().load(unreadable())


def test_column_that_no_load_fills_is_refused_by_a_generic_database(
    sqlite_warehouse: Warehouse, other_table: Table
) -> None:
    other_table.load([])
    [(ddl,)] = sqlite_warehouse.query("SELECT sql FROM sqlite_master WHERE name = 'messages'")
    sqlite_warehouse.run("DROP TABLE messages")
    sqlite_warehouse.run(ddl.replace("PRIMARY KEY", "team TEXT NOT NULL, PRIMARY KEY"))
    with pytest.raises((TableMismatch, UnsuitableDatabase), match="NOT NULL.*team|team.*NOT NULL"):
        other_table.load(unreadable())


@pytest.mark.parametrize("column", ["cost", "text", "creation_time", "loaded_at", "segment_count"])
def test_column_that_the_table_lacks_is_added_and_filled(warehouse: Warehouse, column: str) -> None:
    table().load([rows(message(1), message(2))])
    before = columns_of(warehouse)
    drop_column(warehouse, column)
    table().load([rows(message(2, text="Hello"), message(3, text="Hello"), loaded_at=SECOND_LOAD)])
    assert sorted(columns_of(warehouse)) == sorted(before)
    found = warehouse.query(f"SELECT id FROM messages WHERE {column} IS NOT NULL ORDER BY id")
    assert found == [("2",), ("3",)]
    table().load([rows(message(1), message(4))])
    assert warehouse.query("SELECT count(*) FROM messages") == [(4,)]


def test_added_column_has_the_type_of_a_new_table(mysql_warehouse: Warehouse) -> None:
    types = "SELECT column_name, column_type, collation_name FROM information_schema.columns WHERE table_schema = "
    types += "DATABASE() AND table_name = 'messages' ORDER BY column_name"
    table().load([])
    created = mysql_warehouse.query(types)
    for column in ("text", "last_modified_time", "cost"):
        drop_column(mysql_warehouse, column)
    table().load([])
    assert mysql_warehouse.query(types) == created


def test_generic_database_adds_a_column(sqlite_warehouse: Warehouse, other_table: Table) -> None:
    other_table.load([rows(message(1), message(2))])
    drop_column(sqlite_warehouse, "cost")
    other_table.load([rows(message(2), message(3))])
    other_table.load([rows(message(4))])
    assert sqlite_warehouse.query("SELECT id FROM messages WHERE cost > 0 ORDER BY id") == [("2",), ("3",), ("4",)]


def test_generic_database_with_transactional_ddl_adds_a_column(postgres_warehouse: Warehouse) -> None:
    Table(UnknownPostgresHook()).load([rows(message(1))])
    drop_column(postgres_warehouse, "cost")
    with pytest.raises(RuntimeError, match="was lost"):
        Table(UnknownPostgresHook()).load(interrupted())
    assert "cost" not in columns_of(postgres_warehouse)
    Table(UnknownPostgresHook()).load([rows(message(2))])
    assert postgres_warehouse.query("SELECT id FROM messages WHERE cost > 0") == [("2",)]


def test_failed_load_adds_no_column(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    drop_column(warehouse, "cost")
    before = columns_of(warehouse)
    with pytest.raises(RuntimeError, match="was lost"):
        table().load(interrupted())
    assert columns_of(warehouse) == before
    assert len(warehouse.tables()) == 1


def test_load_that_fails_in_its_merge_removes_the_added_column(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    drop_column(warehouse, "cost")
    before = columns_of(warehouse)
    with pytest.raises(LoadRefused, match="was not changed"):
        table().load([rows(message(2), message(3, id=None))])
    assert columns_of(warehouse) == before
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_columns_of_the_rejects_are_added_too(warehouse: Warehouse) -> None:
    for _ in range(2):
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add(rows(message(1)), REJECTS.rows([REJECT], LOADED_AT))
            sink.finish({})
        warehouse.run("DELETE FROM messages_rejects")
        drop_column(warehouse, "reason", "messages_rejects")
        warehouse.run("ALTER TABLE messages_rejects ADD COLUMN note VARCHAR(20) DEFAULT 'new'")
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add([], REJECTS.rows([REJECT], LOADED_AT))
            sink.finish({})
        assert warehouse.query("SELECT reason, note FROM messages_rejects") == [(REJECT.reason, "new")]
        drop_column(warehouse, "note", "messages_rejects")


def test_schema_change_fail_refuses_a_table_that_lacks_a_column(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    drop_column(warehouse, "cost")
    with pytest.raises(TableMismatch, match=r"lacks cost, .*on_schema_change.*Nothing was written"):
        with open_table(table().hook, "messages", MESSAGES, on_schema_change="fail"):
            pass
    assert "cost" not in columns_of(warehouse)


def test_schema_change_fail_accepts_columns_of_the_user(warehouse: Warehouse) -> None:
    table().load([])
    warehouse.run("ALTER TABLE messages ADD COLUMN note VARCHAR(20)")
    with open_table(table().hook, "messages", MESSAGES, on_schema_change="fail") as sink:
        sink.add(rows(message(1)), [])
        sink.finish({})
    assert warehouse.query("SELECT id, note FROM messages") == [("1", None)]


def test_table_that_lacks_a_key_column_is_refused(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE messages (number VARCHAR(20) PRIMARY KEY, direction TEXT, cost NUMERIC(18, 6))")
    with pytest.raises(TableMismatch, match=r"lacks .*id.* also has number.*Nothing was written"):
        table().load(unreadable())


@pytest.mark.parametrize("name", ["postgres", "mysql"])
def test_missing_right_to_add_a_column_shows_before_the_read(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    drop_column(warehouse, "cost")
    user = f"loader_{os.urandom(4).hex()}"
    if name == "postgres":
        warehouse.run(f"CREATE ROLE {user} LOGIN; GRANT SELECT, INSERT, UPDATE ON messages TO {user}")
    else:
        [(database,)] = warehouse.query("SELECT DATABASE()")
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, CREATE TEMPORARY TABLES"
        warehouse.run(f"GRANT {rights} ON {database}.* TO {user}@localhost IDENTIFIED BY ''")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**warehouse.connection, "login": user}))
    with pytest.raises(LoadRefused, match="must be owner|ALTER command denied"):
        table().load(unreadable())


def test_column_added_by_another_load_meanwhile_is_not_added_again(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    drop_column(warehouse, "cost")

    def batches() -> Any:
        yield rows(message(2))
        table().load([rows(message(3))])

    table().load(batches())
    assert warehouse.query("SELECT id FROM messages WHERE cost > 0 ORDER BY id") == [("2",), ("3",)]


def test_extra_column_of_a_layout_is_added_and_left_alone_by_another(warehouse: Warehouse) -> None:
    """As when a later version knows one more column, and an earlier one loads the table again."""
    smaller = dataclasses.replace(
        table(), layout=dataclasses.replace(MESSAGES, record_columns=MESSAGES.record_columns[:-1])
    )
    smaller.load([[(*row[:-2], row[-1]) for row in rows(message(1))]])
    table().load([rows(message(1, text="Hello"))])
    smaller.load([[(*row[:-2], row[-1]) for row in rows(LATER, loaded_at=SECOND_LOAD)]])
    assert warehouse.query("SELECT message_status, text FROM messages") == [("Delivered", "Hello")]
