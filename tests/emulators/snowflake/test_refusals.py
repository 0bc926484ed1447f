"""What is missing or not allowed is named before anything is read, and no error shows a value."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import LoadFailed, LoadRefused
from tests.emulators.snowflake.conftest import SnowflakeWarehouse
from tests.emulators.warehouses.loading import load, rows, unreadable
from tests.support.messages import message

DENIED = (3001, "42501", "SQL access control error:\nInsufficient privileges to operate on schema 'SMS'")


def test_missing_schema_is_refused(warehouse: SnowflakeWarehouse) -> None:
    with pytest.raises(LoadRefused, match=r'schema .*"ARCHIVE" does not exist, or the role \'LOADER\' may not use it'):
        load(unreadable(), table="archive.messages")


@pytest.mark.parametrize(
    ("missing", "table"), [("warehouse", "messages"), ("schema", "messages"), ("database", "sms.messages")]
)
def test_session_without_a_part_that_the_load_needs_is_refused(
    warehouse: SnowflakeWarehouse, missing: str, table: str
) -> None:
    warehouse.emulator.context = {missing.upper(): "NULL"}
    with pytest.raises(LoadRefused, match=f"has no {missing}: .*Set `{missing}` in the connection"):
        load(unreadable(), table=table)


def test_session_without_a_schema_loads_a_table_that_is_named_in_full(warehouse: SnowflakeWarehouse) -> None:
    warehouse.emulator.context = {"SCHEMA": "NULL", "DATABASE": "NULL"}
    load([rows(message(1))], table=f"{warehouse.database}.sms.messages")
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "CREATE TABLE",
            "cannot use the table .*HVSMS_LOCK.*Insufficient privileges.*Grant CREATE TABLE on the schema",
        ),
        ("UPDATE", "cannot use the table .*HVSMS_LOCK.*Insufficient privileges"),
        ("CREATE TRANSIENT TABLE", "Insufficient privileges to operate on schema 'SMS'"),
        ("CREATE TEMPORARY TABLE", "Insufficient privileges to operate on schema 'SMS'"),
    ],
)
def test_missing_right_is_refused(warehouse: SnowflakeWarehouse, statement: str, expected: str) -> None:
    warehouse.fail(statement, *DENIED)
    with pytest.raises(LoadRefused, match=expected):
        load(unreadable())


def test_missing_right_on_an_existing_table_is_refused(warehouse: SnowflakeWarehouse) -> None:
    load([rows(message(1))])
    warehouse.fail("MERGE", *DENIED)
    with pytest.raises(LoadRefused, match="Insufficient privileges.*not changed"):
        load(unreadable())


def test_missing_right_to_add_a_column_is_refused(warehouse: SnowflakeWarehouse) -> None:
    load([])
    warehouse.run("ALTER TABLE messages DROP COLUMN error_code")
    warehouse.fail("ALTER TABLE", *DENIED)
    with pytest.raises(LoadRefused, match="Insufficient privileges"):
        load(unreadable())


@pytest.mark.parametrize(
    "text",
    [
        "String 'secret +16505550100' is too long and would be truncated\n  File 'part', line 3",
        "String 'secret\n+16505550100 secret' is too long and would be truncated\n  secret",
        'Error parsing JSON: unknown keyword "secret", pos 7 is too long',
    ],
)
def test_error_about_a_value_does_not_show_it(warehouse: SnowflakeWarehouse, text: str) -> None:
    warehouse.fail("COPY INTO", 100078, "22000", text)
    with pytest.raises(LoadRefused, match=r"100078: .*'\*\*\*'.*not changed") as failure:
        load([rows(message(1))])
    assert "secret" not in str(failure.value)
    assert "650" not in str(failure.value)
    assert failure.value.__suppress_context__


def test_lock_that_is_not_released_in_time_can_be_tried_again(warehouse: SnowflakeWarehouse) -> None:
    warehouse.fail("SET LOADS = LOADS + 1", 625, "57014", "Statement was aborted")
    with pytest.raises(LoadFailed, match="000625: Statement was aborted.*not changed"):
        load([rows(message(1))])
    load([rows(message(1))])
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_lost_answer_to_the_commit_is_no_promise_either_way(warehouse: SnowflakeWarehouse) -> None:
    load([rows(message(1))])
    warehouse.emulator.loses_next_answer = True
    with pytest.raises(LoadFailed, match="may or may not have been written. Run it again"):
        load([rows(message(1), message(2))])
    load([rows(message(1), message(2))])
    assert warehouse.query("SELECT id FROM messages ORDER BY id") == [("1",), ("2",)]


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("DatabaseError", 250001, LoadRefused),  # a wrong password
        ("ForbiddenError", 250001, LoadRefused),
        ("OperationalError", 250003, LoadFailed),  # no answer
        ("InternalServerError", 290500, LoadFailed),
    ],
)
def test_refused_login_fails_for_good_and_lost_connection_can_be_tried_again(
    warehouse: SnowflakeWarehouse, monkeypatch: pytest.MonkeyPatch, name: str, number: int, expected: type[Exception]
) -> None:
    errors = importlib.import_module("snowflake.connector.errors")

    def connect(**_: Any) -> None:
        raise getattr(errors, name)(msg="no access", errno=number)

    monkeypatch.setattr("snowflake.connector.connect", connect)
    with pytest.raises(expected, match=f"{name} .*no access.*not changed"):
        load(unreadable())
