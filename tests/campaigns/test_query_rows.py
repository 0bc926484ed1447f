"""Recipients that a query selects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import InvalidRequest, LoadFailed, LoadRefused
from airflow_provider_hvsms.campaigns.query_rows import read_query
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientRow
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import Psycopg2Hook, UnknownDatabaseHook, UnknownPostgresHook

NUMBER = "+12125550123"
DATABASES = ["sqlite", "postgres", "duckdb", "mysql"]


@pytest.fixture(params=DATABASES)
def customers(request: pytest.FixtureRequest) -> Warehouse:
    """A table of three customers in each database."""
    warehouse: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    if request.param == "mysql":
        warehouse.run("ALTER DATABASE CHARACTER SET utf8mb4")
    warehouse.run("CREATE TABLE customers (id INTEGER, phone VARCHAR(20), name VARCHAR(50))")
    warehouse.run(
        f"INSERT INTO customers VALUES (1, '{NUMBER}', 'Ada \U0001f600'), (2, '+12125550124', NULL), (3, NULL, 'Bob')"
    )
    return warehouse


def read(sql: str, parameters: Any = None) -> Iterator[RecipientRow]:
    return read_query(BaseHook.get_hook("warehouse"), sql, parameters, sql_conn_id="warehouse")


def placeholder() -> str:
    found: str = BaseHook.get_hook("warehouse").placeholder
    return found


def test_rows_become_recipients(customers: Warehouse) -> None:
    rows = list(read("SELECT phone AS to_number, name AS TEXT, id AS Code FROM customers ORDER BY id"))

    assert [(row.label, row.to, row.text, row.columns["code"]) for row in rows] == [
        ("Row 1", NUMBER, "Ada \U0001f600", 1),
        ("Row 2", "+12125550124", None, 2),
        ("Row 3", None, "Bob", 3),
    ]


def test_a_percent_sign_needs_no_second_one(customers: Warehouse) -> None:
    assert len(list(read("SELECT phone AS to_number FROM customers WHERE phone LIKE '+1%'"))) == 2


def test_parameters_are_those_of_the_driver(customers: Warehouse) -> None:
    sql = f"SELECT phone AS to_number FROM customers WHERE id = {placeholder()}"

    assert [row.to for row in read(sql, [1])] == [NUMBER]
    assert [row.to for row in read(sql, (1,))] == [NUMBER]


def test_a_quoted_name_may_be_the_reserved_word(sqlite_warehouse: Warehouse) -> None:
    assert [row.to for row in read(f"SELECT '{NUMBER}' AS \"to\"")] == [NUMBER]


def test_a_query_without_rows_has_no_recipients(customers: Warehouse) -> None:
    assert list(read("SELECT phone AS to_number FROM customers WHERE id = 9")) == []


def test_a_missing_column_is_refused_with_the_columns_there_are(customers: Warehouse) -> None:
    with pytest.raises(InvalidRequest, match=r"The query has no column `to`.* Its columns are: phone, name\."):
        list(read("SELECT phone, name FROM customers WHERE id = 9"))


def test_a_query_that_cannot_run_is_refused_with_the_connection(customers: Warehouse) -> None:
    with pytest.raises(LoadRefused, match="failed in connection 'warehouse': .*customer_s.* Nothing was sent"):
        list(read("SELECT phone AS to_number FROM customer_s"))


def test_a_statement_that_is_no_select_is_refused_and_changes_nothing(customers: Warehouse) -> None:
    with pytest.raises((InvalidRequest, LoadRefused)):
        list(read("UPDATE customers SET phone = NULL"))

    assert len(customers.query("SELECT id FROM customers WHERE phone IS NOT NULL")) == 2


@pytest.mark.parametrize("database", ["postgres", "duckdb"])
def test_an_error_about_a_value_does_not_show_it(database: str, request: pytest.FixtureRequest) -> None:
    warehouse = request.getfixturevalue(f"{database}_warehouse")
    warehouse.run("CREATE TABLE customers (name VARCHAR(20))")
    warehouse.run("INSERT INTO customers VALUES ('Ada Lovelace')")

    with pytest.raises(LoadRefused, match="Nothing was sent") as caught:
        list(read("SELECT CAST(name AS INTEGER) AS to_number FROM customers"))

    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(("database", "rows"), [("sqlite", 20_000), ("postgres", 20_000), ("mysql", 20_000)])
def test_all_of_many_rows_are_read(database: str, rows: int, request: pytest.FixtureRequest) -> None:
    warehouse = request.getfixturevalue(f"{database}_warehouse")
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    if database == "mysql":
        warehouse.run("CREATE TABLE digits (d INTEGER)")
        warehouse.run("INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
        sql = "SELECT '+1' AS to_number FROM digits a, digits b, digits c, digits d, digits e WHERE a.d < 2"
    else:
        sql = f"{numbers.format(rows)} SELECT '+1' AS to_number FROM n"

    assert sum(1 for _ in read(sql)) == rows


@pytest.mark.parametrize("driver", ["default", "psycopg2"])
def test_postgresql_sends_rows_while_the_query_runs(driver: str, postgres_warehouse: Warehouse) -> None:
    """A division by zero in the last row is met after rows have arrived."""
    psycopg2_hook = Psycopg2Hook(postgres_conn_id="warehouse", sqlalchemy_scheme="postgresql+psycopg2")
    hook = psycopg2_hook if driver == "psycopg2" else BaseHook.get_hook("warehouse")
    sql = "SELECT '+1' AS to_number, 1 / (50000 - i) AS name FROM generate_series(1, 50000) AS n (i)"
    rows = read_query(hook, sql, sql_conn_id="warehouse")

    assert next(rows).place == 1
    with pytest.raises(LoadRefused, match="DivisionByZero 22012"):
        list(rows)


def test_a_database_that_is_loaded_from_files_is_read(postgres_warehouse: Warehouse) -> None:
    redshift = type("RedshiftSQLHook", (UnknownPostgresHook,), {})

    rows = read_query(redshift(), "SELECT '+1' AS to_number WHERE 'a' LIKE 'a%'", sql_conn_id="warehouse")

    assert [row.to for row in rows] == ["+1"]


def test_a_database_that_sqlalchemy_does_not_know_is_read(sqlite_warehouse: Warehouse, tmp_path: Path) -> None:
    hook = UnknownDatabaseHook(tmp_path / "warehouse.sqlite")

    assert [row.to for row in read_query(hook, "SELECT ? AS to_number", ["+1"], sql_conn_id="warehouse")] == ["+1"]


def test_a_reader_that_stops_early_leaves_no_connection_open(postgres_warehouse: Warehouse) -> None:
    rows = read("SELECT '+1' AS to_number FROM generate_series(1, 100000)")
    next(rows)
    rows.close()  # type: ignore[attr-defined]

    [[others]] = postgres_warehouse.query(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND query LIKE '%generate_series%' AND query NOT LIKE '%pg_stat_activity%'"
    )
    assert others == 0


def test_a_server_that_cannot_be_reached_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "login": "a", "schema": "b"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))

    with pytest.raises(LoadFailed, match="connection 'warehouse'.* Run the task again"):
        list(read("SELECT 1 AS to_number"))
