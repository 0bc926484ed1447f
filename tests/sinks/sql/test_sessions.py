"""A load sets up its database session and leaves nothing behind in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook

from airflow_provider_hvsms.api.errors import LoadRefused
from airflow_provider_hvsms.sinks.schema import Row
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import PoolingHook
from tests.sinks.sql.loading import Table, rows, table, unreadable
from tests.support.messages import message


def test_autocommit_of_the_hook_is_turned_off(postgres_warehouse: Warehouse) -> None:
    class AutocommitHook(PostgresHook):
        def get_conn(self) -> Any:
            connection: Any = super().get_conn()
            connection.autocommit = True
            return connection

    hook = AutocommitHook(postgres_conn_id="warehouse")
    Table(hook).load([rows(message(1))])
    postgres_warehouse.run("CREATE UNIQUE INDEX unique_number ON messages (from_number)")
    with pytest.raises(LoadRefused):
        Table(hook).load([rows(message(1, message_status="Delivered"), message(2))])
    assert postgres_warehouse.query("SELECT id, message_status FROM messages") == [("1", "Sent")]


@pytest.mark.parametrize("cursor", ["dictcursor", "namedtuplecursor"])
def test_cursor_class_of_a_postgres_connection_does_not_matter(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, cursor: str
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_WAREHOUSE", json.dumps({**postgres_warehouse.connection, "extra": {"cursor": cursor}})
    )
    for number in (1, 2):
        table().load([rows(message(number))])
    assert postgres_warehouse.query("SELECT id FROM messages ORDER BY id") == [("1",), ("2",)]


def test_cursor_class_of_a_mysql_connection_does_not_matter(
    mysql_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {**mysql_warehouse.connection["extra"], "cursor": "dictcursor"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**mysql_warehouse.connection, "extra": extra}))
    for number in (1, 2):
        table().load([rows(message(number))])
    assert mysql_warehouse.query("SELECT id FROM messages ORDER BY id") == [("1",), ("2",)]


def test_staging_table_is_dropped_from_a_pooled_session(postgres_warehouse: Warehouse) -> None:
    loader = Table(PoolingHook(postgres_conn_id="warehouse", sqlalchemy_scheme="postgresql+psycopg2"))
    count = "SELECT count(*) FROM pg_class WHERE relname LIKE 'hvsms_stage%'"

    def batches() -> Iterator[list[Row]]:
        assert postgres_warehouse.query(count) == [(1,)]
        yield rows(message(1))

    def failing() -> Iterator[list[Row]]:
        yield rows(message(1))
        raise RuntimeError("the connection was lost")

    loader.load(batches())
    assert postgres_warehouse.query(count) == [(0,)]
    with pytest.raises(RuntimeError):
        loader.load(failing())
    assert postgres_warehouse.query(count) == [(0,)]


def test_missing_insert_privilege_is_a_permanent_error(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    table().load([])
    name = f"reader_{os.urandom(4).hex()}"
    postgres_warehouse.run(f"CREATE ROLE {name} LOGIN; GRANT SELECT ON messages TO {name}")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**postgres_warehouse.connection, "login": name}))
    with pytest.raises(LoadRefused, match="permission denied"):
        table().load(unreadable())


def test_read_only_session_is_a_permanent_error(postgres_warehouse: Warehouse) -> None:
    [(database,)] = postgres_warehouse.query("SELECT current_database()")
    postgres_warehouse.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    with pytest.raises(LoadRefused, match="read-only"):
        table().load(unreadable())


def test_direct_connection_needs_no_second_connection(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"single_{os.urandom(4).hex()}"
    [(database,)] = postgres_warehouse.query("SELECT current_database()")
    postgres_warehouse.run(
        f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 1; GRANT ALL ON DATABASE {database} TO {name}; "
        f"GRANT ALL ON SCHEMA public TO {name}"
    )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**postgres_warehouse.connection, "login": name}))
    table().load([rows(message(1))])
    assert postgres_warehouse.query("SELECT id FROM messages") == [("1",)]
