"""A database without a file of its own is checked before anything is read."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import UnsuitableDatabase
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import ChangedStatementsHook, UnknownPostgresHook, unknown_mysql_hook
from tests.sinks.sql.loading import Table, rows, table, unreadable
from tests.support.messages import message


def emptying_temporary_tables(statement: str) -> str:
    return f"{statement} ON COMMIT DELETE ROWS" if "TEMPORARY" in statement else statement


def ignoring_keys(statement: str) -> str:
    return statement.replace("PRIMARY KEY (id)", "CHECK (id <> '')")


def test_suitable_database_is_accepted(postgres_warehouse: Warehouse) -> None:
    Table(UnknownPostgresHook()).load([rows(message(1))])
    Table(UnknownPostgresHook()).load([rows(message(1), message(2))])
    assert postgres_warehouse.query("SELECT count(*) FROM messages") == [(2,)]
    assert postgres_warehouse.tables() == ["messages"]


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        (
            lambda: UnknownPostgresHook(autocommit=True),
            "a rolled back transaction left its rows, as in autocommit mode",
        ),
        (lambda: ChangedStatementsHook(emptying_temporary_tables), "a temporary table lost its rows"),
        (lambda: ChangedStatementsHook(ignoring_keys), "two rows with the same primary key were accepted"),
    ],
    ids=["autocommit", "temporary tables emptied by a commit", "keys not enforced"],
)
def test_unsuitable_database_is_refused_with_an_alternative(
    postgres_warehouse: Warehouse, hook: Any, problem: str
) -> None:
    table().load([rows(message(1))])
    with pytest.raises(UnsuitableDatabase, match=f"{problem}.*object storage.*COPY"):
        Table(hook()).load(unreadable())
    assert postgres_warehouse.query("SELECT id FROM messages") == [("1",)]
    assert postgres_warehouse.tables() == ["messages"]


def test_table_without_an_enforced_key_is_refused(postgres_warehouse: Warehouse) -> None:
    Table(UnknownPostgresHook()).load([rows(message(1))])
    postgres_warehouse.run("ALTER TABLE messages DROP CONSTRAINT messages_pkey")
    with pytest.raises(UnsuitableDatabase, match=r"same primary key.*object storage"):
        Table(UnknownPostgresHook()).load(unreadable())
    assert postgres_warehouse.query("SELECT id FROM messages") == [("1",)]


def test_table_that_cannot_roll_back_is_refused_and_not_changed(mysql_warehouse: Warehouse) -> None:
    """Its other tables can roll back."""
    table().load([rows(message(1))])
    mysql_warehouse.run("ALTER TABLE messages ENGINE = MyISAM")
    with pytest.raises(UnsuitableDatabase, match="a rolled back transaction left its rows.*object storage"):
        Table(unknown_mysql_hook()).load(unreadable())
    assert mysql_warehouse.query("SELECT id FROM messages") == [("1",)]


def test_session_time_zone_that_would_shift_timestamps_is_refused(postgres_warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    [(database,)] = postgres_warehouse.query("SELECT current_database()")
    postgres_warehouse.run(f"ALTER DATABASE {database} SET timezone = 'America/New_York'")
    with pytest.raises(UnsuitableDatabase, match="12:00 UTC came back as 17:00 UTC.*object storage"):
        Table(UnknownPostgresHook()).load(unreadable())


def test_database_without_temporary_tables_is_refused_with_an_alternative(postgres_warehouse: Warehouse) -> None:
    hook = ChangedStatementsHook(lambda statement: statement.replace("TEMPORARY TABLE", "TEMPORARY THING"))
    with pytest.raises(UnsuitableDatabase, match="syntax error.*object storage"):
        Table(hook).load(unreadable())


def test_failing_dialect_is_refused_with_an_alternative(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise AttributeError("module 'sqlalchemy.orm.context' has no attribute 'ORMSelectCompileState'")

    monkeypatch.setattr("airflow_provider_hvsms.sinks.sql.dialect.Database.stage_rows", broken)
    with pytest.raises(UnsuitableDatabase, match="AttributeError: .*ORMSelectCompileState.*object storage"):
        Table(UnknownPostgresHook()).load(unreadable())
    assert postgres_warehouse.tables() == []


@pytest.mark.parametrize(
    ("column", "type_", "problem"),
    [("cost", "BIGINT", "0.007 came back as 0"), ("creation_time", "DATE", "a timestamp came back as a date")],
)
def test_column_that_loses_a_part_of_its_values_is_refused(
    postgres_warehouse: Warehouse, column: str, type_: str, problem: str
) -> None:
    table().load([])
    postgres_warehouse.run(f"ALTER TABLE messages ALTER COLUMN {column} TYPE {type_}")
    with pytest.raises(UnsuitableDatabase, match=f"{problem}.*object storage"):
        Table(UnknownPostgresHook()).load(unreadable())
    assert postgres_warehouse.query("SELECT count(*) FROM messages") == [(0,)]
