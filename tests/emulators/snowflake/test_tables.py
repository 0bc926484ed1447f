"""Existing tables: what is left alone, what is added, and what is refused before anything is read."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.schema import Changes
from tests.emulators.snowflake.conftest import SnowflakeWarehouse
from tests.emulators.warehouses.loading import LATER, SECOND_LOAD, load, rows, unreadable
from tests.support.messages import message


def test_own_columns_of_a_table_are_left_alone(warehouse: SnowflakeWarehouse) -> None:
    load([rows(message(1))])
    warehouse.run("ALTER TABLE messages ADD COLUMN campaign VARCHAR")
    warehouse.run("ALTER TABLE messages ADD COLUMN source VARCHAR DEFAULT 'sms'")
    warehouse.run("UPDATE messages SET campaign = 'spring'")
    load([rows(message(1, message_status="Delivered", last_modified_time=LATER), message(2))])
    assert warehouse.query("SELECT id, message_status, campaign, source FROM messages ORDER BY id") == [
        ("1", "Delivered", "spring", "sms"),
        ("2", "Sent", None, "sms"),
    ]


def test_missing_column_is_added(warehouse: SnowflakeWarehouse) -> None:
    load([rows(message(1, error_code="SMS-CAR-104"))])
    warehouse.run("ALTER TABLE messages DROP COLUMN error_code")
    changes = load([rows(message(1, error_code="SMS-CAR-104"), message(2), loaded_at=SECOND_LOAD)])
    assert warehouse.query("SELECT id, error_code FROM messages ORDER BY id") == [("1", "SMS-CAR-104"), ("2", None)]
    assert changes == Changes(inserted=1, updated=1, unchanged=0)


def test_missing_column_is_refused_if_the_schema_must_not_change(warehouse: SnowflakeWarehouse) -> None:
    load([])
    warehouse.run("ALTER TABLE messages DROP COLUMN error_code")
    with pytest.raises(TableMismatch, match="lacks error_code, and on_schema_change='fail' adds no column"):
        load(unreadable(), on_schema_change="fail")
    assert "ERROR_CODE" not in [name for name, *_ in warehouse.query("DESCRIBE TABLE messages")]


def test_table_without_a_column_of_the_key_is_refused(warehouse: SnowflakeWarehouse) -> None:
    warehouse.run("CREATE TABLE messages (batch_id VARCHAR, loaded_at TIMESTAMP_TZ)")
    with pytest.raises(TableMismatch, match="with other columns: it lacks id, "):
        load(unreadable())


def test_column_that_needs_a_value_is_refused(warehouse: SnowflakeWarehouse) -> None:
    warehouse.run("CREATE TABLE messages (id VARCHAR NOT NULL, campaign VARCHAR NOT NULL)")
    with pytest.raises(TableMismatch, match="has columns that no load fills .*: campaign"):
        load(unreadable())


@pytest.mark.parametrize(
    ("column", "type_", "required"),
    [
        ("text", "NUMBER(38,0)", "text"),
        ("text", "VARIANT", "text"),
        ("cost", "NUMBER(18,2)", "numbers"),
        ("cost", "VARCHAR", "numbers"),
        ("creation_time", "DATE", "timestamps"),
        ("segment_count", "VARIANT", "numbers"),
    ],
)
def test_column_of_another_type_is_refused(
    warehouse: SnowflakeWarehouse, column: str, type_: str, required: str
) -> None:
    load([])
    warehouse.run(f"ALTER TABLE messages DROP COLUMN {column}")
    warehouse.run(f"ALTER TABLE messages ADD COLUMN {column} {type_}")
    with pytest.raises(TableMismatch, match=f"the type of column '{column}' is .*; it must be one for {required}"):
        load(unreadable())


@pytest.mark.parametrize("name", ["sms.messages", "{database}.SMS.messages", "MESSAGES"])
def test_table_is_named_with_its_schema_and_database(warehouse: SnowflakeWarehouse, name: str) -> None:
    load([rows(message(1))], table=name.format(database=warehouse.database))
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_table_of_another_schema_is_loaded_there(warehouse: SnowflakeWarehouse) -> None:
    warehouse.run("CREATE SCHEMA archive")
    load([rows(message(1))], table="archive.messages", rejects=[])
    assert warehouse.query("SELECT id FROM archive.messages") == [("1",)]
    assert warehouse.tables() == []


def test_table_may_have_the_name_of_a_keyword(warehouse: SnowflakeWarehouse) -> None:
    load([rows(message(1))], table="order")
    assert warehouse.query('SELECT id FROM "ORDER"') == [("1",)]


@pytest.mark.parametrize("name", ["", "1st", "a.b.c.d", 'a"b', "my table", "messages;", ".messages", "x" * 248])
def test_name_that_is_not_one_is_refused(warehouse: SnowflakeWarehouse, name: str) -> None:
    with pytest.raises(TableMismatch, match="table is "):
        load(unreadable(), table=name)
