"""Records that could not be read are kept in a table of their own, in the same transaction."""

from __future__ import annotations

import json

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused
from airflow_provider_hvsms.api.records import Reject
from airflow_provider_hvsms.sinks.schema import REJECTS, Changes
from tests.emulators.snowflake.conftest import SnowflakeWarehouse
from tests.emulators.warehouses.loading import LATER, SECOND_LOAD, load, rows
from tests.support.messages import LOADED_AT, REJECT, message


def test_rejects_are_loaded_once_however_often_they_are_read(warehouse: SnowflakeWarehouse) -> None:
    for loaded_at in (LOADED_AT, SECOND_LOAD):
        load([rows(message(1), loaded_at=loaded_at)], rejects=REJECTS.rows([REJECT], loaded_at))
    assert warehouse.tables() == ["HVSMS_LOCK", "MESSAGES", "MESSAGES_REJECTS"]
    assert warehouse.query("SELECT reason, loaded_at FROM messages_rejects") == [
        ("message 9 cannot be read", LOADED_AT)
    ]


def test_changes_are_those_of_the_table_and_not_of_its_rejects(warehouse: SnowflakeWarehouse) -> None:
    assert load([], rejects=REJECTS.rows([REJECT], LOADED_AT)) == Changes(inserted=0, updated=0, unchanged=0)
    assert warehouse.query("SELECT COUNT(*) FROM messages_rejects") == [(1,)]


def test_record_that_is_not_json_is_kept_as_it_is(warehouse: SnowflakeWarehouse) -> None:
    load([], rejects=REJECTS.rows([Reject(b'{"id": 9,', "cut off")], LOADED_AT))
    [(record,)] = warehouse.query("SELECT record FROM messages_rejects")
    assert json.loads(record) == '{"id": 9,'


def test_rows_are_not_loaded_if_the_rejects_are_refused(warehouse: SnowflakeWarehouse) -> None:
    load([rows(message(1))], rejects=[])
    warehouse.fail('MESSAGES_REJECTS" AS existing', 100038, "22018", "Numeric value 'x' is refused", 1)
    with pytest.raises(LoadRefused, match="not changed"):
        load(
            [rows(message(1, message_status="Delivered", last_modified_time=LATER), message(2))],
            rejects=REJECTS.rows([REJECT], LOADED_AT),
        )
    assert warehouse.query("SELECT id, message_status FROM messages") == [("1", "Sent")]
    assert warehouse.query("SELECT COUNT(*) FROM messages_rejects") == [(0,)]
