"""A load writes all of its rows once, or does not change the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_hvsms.api.errors import LoadFailed, LoadRefused
from airflow_provider_hvsms.sinks.schema import BATCHES, OPT_OUTS, STATUSES, ColumnType, Layout, Row
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import UnknownPostgresHook
from tests.sinks.sql.loading import SECOND_LOAD, Table, interrupted, load_is_refused, rows, table
from tests.support.messages import LOADED_AT, NOON, message


def test_missing_table_is_created_with_the_documented_columns(warehouse: Warehouse) -> None:
    table().load([rows(message(1), message(2)), rows(message(3))])
    assert warehouse.query("SELECT id, to_number, message_status FROM messages ORDER BY id") == [
        ("1", "+16501112222", "Sent"),
        ("2", "+16501112222", "Sent"),
        ("3", "+16501112222", "Sent"),
    ]
    names = "id, batch_id, direction, from_number, to_number, message_status, error_code, segment_count, cost, "
    names += "creation_time, last_modified_time, text, loaded_at"
    assert len(warehouse.query(f"SELECT {names} FROM messages")) == 3


def test_load_without_rows_creates_the_table(warehouse: Warehouse) -> None:
    table().load([[], []])
    assert warehouse.query("SELECT count(*) FROM messages") == [(0,)]


VALUES = {
    ColumnType.ID: "one",
    ColumnType.TEXT: "two",
    ColumnType.INTEGER: 3,
    ColumnType.DECIMAL: Decimal("0.25"),
    ColumnType.TIMESTAMP: pendulum.instance(NOON),
    ColumnType.JSON: '{"a": ["b"]}',
}


@pytest.mark.parametrize("layout", [BATCHES, STATUSES, OPT_OUTS], ids=["batches", "statuses", "opt_outs"])
def test_row_with_an_existing_key_is_not_added_again(warehouse: Warehouse, layout: Layout[Any]) -> None:
    row = tuple(VALUES[column.type] for column in layout.columns)
    for loaded_at in (LOADED_AT, SECOND_LOAD):
        dataclasses.replace(table(), layout=layout).load([[(*row[:-1], loaded_at)]])
    assert len(warehouse.query("SELECT * FROM messages WHERE loaded_at < '2026-11-03'")) == 1
    for name in layout.key:
        kind = next(column.type for column in layout.columns if column.name == name)
        expected = "one" if kind is ColumnType.ID else "2026-11-01 12:00:00"
        assert str(warehouse.query(f"SELECT {name} FROM messages")[0][0])[:19] == expected


def test_failed_load_does_not_change_the_table(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    before = warehouse.query("SELECT * FROM messages")
    with pytest.raises(RuntimeError, match="was lost"):
        table().load(interrupted())
    assert warehouse.query("SELECT * FROM messages") == before
    assert warehouse.tables() == ["messages"]


def test_failed_first_load_leaves_no_table(warehouse: Warehouse) -> None:
    with pytest.raises(RuntimeError, match="was lost"):
        table().load(interrupted())
    assert warehouse.tables() == []


def test_refused_row_fails_the_load_and_is_not_shown(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    load_is_refused(message(2, text="a secret", id=None))
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


@pytest.mark.parametrize("name", ["sqlite", "postgres", "duckdb"])
def test_row_refused_by_another_unique_key_fails_the_load(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([rows(message(1))])
    warehouse.run("CREATE UNIQUE INDEX unique_number ON messages (from_number)")
    load_is_refused(message(2, text="a secret"))
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_first_load_with_a_refused_row_leaves_no_table(warehouse: Warehouse) -> None:
    load_is_refused(message(1), message(2, id=None))
    assert warehouse.tables() == []


def test_mysql_drops_a_new_table_when_the_task_times_out(
    mysql_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed_out(*_: Any) -> Any:
        raise AirflowTaskTimeout

    monkeypatch.setattr("airflow_provider_hvsms.sinks.sql.mysql.MySqlDatabase.insert", timed_out)
    with pytest.raises(AirflowTaskTimeout):
        table().load([rows(message(1))])
    assert mysql_warehouse.tables() == []


def test_mysql_creates_transactional_tables_whatever_its_default_engine(mysql_warehouse: Warehouse) -> None:
    mysql_warehouse.run("SET GLOBAL default_storage_engine = MyISAM")
    try:
        table().load([rows(message(1))])
        with pytest.raises(LoadRefused, match="was not changed"):
            table().load([rows(message(2), message(3, id=None))])
    finally:
        mysql_warehouse.run("SET GLOBAL default_storage_engine = InnoDB")
    assert mysql_warehouse.query("SELECT id FROM messages") == [("1",)]


def test_lost_connection_is_the_error_that_is_raised(postgres_warehouse: Warehouse) -> None:
    def broken() -> Iterator[list[Row]]:
        yield rows(message(1))
        postgres_warehouse.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        yield rows(message(2))

    with pytest.raises(LoadFailed, match="The table was not changed"):
        table().load(broken())
    assert postgres_warehouse.tables() == []


@pytest.mark.parametrize("known", [True, False], ids=["PostgreSQL", "generic"])
def test_connection_lost_in_the_commit_says_that_the_result_is_unknown(
    postgres_warehouse: Warehouse, known: bool
) -> None:
    target = table() if known else Table(UnknownPostgresHook())
    target.load([])
    postgres_warehouse.run(
        """
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION lose()
        """
    )
    with pytest.raises(LoadFailed, match="may or may not have been written. Run it again") as failure:
        target.load([rows(message(1))])
    assert "not changed" not in str(failure.value)


def test_failed_load_does_not_change_the_table_of_a_generic_database(
    sqlite_warehouse: Warehouse, other_table: Table
) -> None:
    other_table.load([rows(message(1))])
    with pytest.raises(RuntimeError, match="was lost"):
        other_table.load(interrupted())
    assert sqlite_warehouse.query("SELECT id, message_status FROM messages") == [("1", "Sent")]
