"""Names of tables."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused, TableMismatch
from airflow_provider_hvsms.sinks.schema import MESSAGES
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.loading import rows, table, unreadable
from tests.support.messages import message


@pytest.mark.parametrize("name", ['we"ird', "drop; table", "select", "Ünïcode", "two words", "100%", "a'b"])
def test_special_characters_in_a_table_name_are_quoted(warehouse: Warehouse, name: str) -> None:
    table(name).load([rows(message(1))])
    table(name).load([rows(message(1), message(2))])
    assert warehouse.tables() == [name]


def test_table_name_can_include_a_schema(postgres_warehouse: Warehouse) -> None:
    postgres_warehouse.run("CREATE SCHEMA sms")
    table("sms.messages").load([rows(message(1))])
    table("sms.messages").load([rows(message(1))])
    assert postgres_warehouse.query("SELECT count(*) FROM sms.messages") == [(1,)]


@pytest.mark.parametrize("name", ["", " ", "schema."])
def test_empty_table_name_is_refused(sqlite_warehouse: Warehouse, name: str) -> None:
    with pytest.raises(TableMismatch, match="has no table name"):
        table(name).load(unreadable())


def test_missing_schema_is_refused_before_the_read(postgres_warehouse: Warehouse) -> None:
    with pytest.raises(LoadRefused, match='schema "nowhere" does not exist'):
        table("nowhere.messages").load(unreadable())


@pytest.mark.parametrize(
    ("name", "long", "limit"),
    [
        ("postgres", "m" * 64, "63 bytes"),
        ("postgres", "é" * 32, "63 bytes"),
        ("mysql", "m" * 65, "64 characters"),
        ("mysql", "é" * 65, "64 characters"),
    ],
)
def test_too_long_name_is_refused(request: pytest.FixtureRequest, name: str, long: str, limit: str) -> None:
    request.getfixturevalue(f"{name}_warehouse")
    with pytest.raises(TableMismatch, match=f"is too long: this database allows {limit}"):
        table(long).load(unreadable())


@pytest.mark.parametrize(("name", "longest"), [("postgres", "é" * 31), ("mysql", "é" * 64)])
def test_name_of_maximum_length_is_accepted(request: pytest.FixtureRequest, name: str, longest: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    for number in (1, 2):
        table(longest).load([rows(message(number))])
    assert warehouse.tables() == [longest]


def test_too_long_name_of_the_rejects_table_is_refused(postgres_warehouse: Warehouse) -> None:
    name = "m" * 60
    table(name).load([rows(message(1))])
    with pytest.raises(TableMismatch, match="_rejects' is too long"):
        with open_table(table().hook, name, MESSAGES, with_rejects=True):
            pass


@pytest.mark.parametrize("database", ["sqlite", "postgres", "duckdb", "mysql"])
def test_name_in_another_case_is_the_table_that_the_database_finds(
    request: pytest.FixtureRequest, database: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{database}_warehouse")
    for name in ("messages", "Messages"):
        table(name).load([rows(message(1))])
        table(name).load([rows(message(1), message(2))])
    assert warehouse.tables() in (["messages"], ["Messages", "messages"])
    assert warehouse.query("SELECT count(*) FROM messages") == [(2,)]
