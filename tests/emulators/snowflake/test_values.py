"""Values are stored exactly, in the types that Snowflake has for them."""

from __future__ import annotations

import json
from datetime import timedelta

from airflow_provider_hvsms.sinks.schema import BATCHES, REJECTS, Changes
from tests.emulators.snowflake.conftest import SnowflakeWarehouse
from tests.emulators.warehouses.loading import SECOND_LOAD, load, rows
from tests.emulators.warehouses.values import BATCH, ValueTests
from tests.support.messages import LOADED_AT, NOON, REJECT, message


class TestSnowflakeValues(ValueTests):
    pass


def test_table_is_created_with_the_documented_types_and_names_in_upper_case(warehouse: SnowflakeWarehouse) -> None:
    load([BATCHES.rows([BATCH], LOADED_AT)], table="batches", layout=BATCHES)
    types = {name: type_ for name, type_, *_ in warehouse.query('DESCRIBE TABLE "BATCHES"')}
    assert types["ID"].startswith("VARCHAR")
    assert types["COST"] == "NUMBER(18,6)"
    assert types["CREATION_TIME"].startswith("TIMESTAMP_TZ")
    assert types["BATCH_SIZE"] == "NUMBER(38,0)"
    assert types["REJECTED"] == "VARIANT"


def test_json_is_a_variant_that_queries_can_look_into(warehouse: SnowflakeWarehouse) -> None:
    load([], table="messages", rejects=REJECTS.rows([REJECT], LOADED_AT))
    assert warehouse.query("SELECT record:creationTime::VARCHAR, reason FROM messages_rejects") == [
        ("soon", "message 9 cannot be read")
    ]


def test_json_is_text_in_a_column_of_text(warehouse: SnowflakeWarehouse) -> None:
    load([BATCHES.rows([BATCH], LOADED_AT)], table="batches", layout=BATCHES)
    warehouse.run("ALTER TABLE batches DROP COLUMN rejected")
    warehouse.run("ALTER TABLE batches ADD COLUMN rejected VARCHAR")
    changes = load([BATCHES.rows([BATCH], SECOND_LOAD)], table="batches", layout=BATCHES)
    assert [json.loads(text) for (text,) in warehouse.query("SELECT rejected FROM batches")] == [[]]
    assert changes == Changes(inserted=0, updated=1, unchanged=0)


def test_times_go_into_a_column_without_time_zone_in_utc(warehouse: SnowflakeWarehouse) -> None:
    load([])
    warehouse.run("ALTER TABLE messages DROP COLUMN creation_time")
    warehouse.run("ALTER TABLE messages ADD COLUMN creation_time TIMESTAMP_NTZ")
    for loaded_at in (LOADED_AT, SECOND_LOAD):
        changes = load([rows(message(1), loaded_at=loaded_at)])
    expected = (NOON + timedelta(seconds=1, microseconds=436491)).replace(tzinfo=None)
    assert warehouse.query("SELECT creation_time FROM messages") == [(expected,)]
    assert changes == Changes(inserted=0, updated=0, unchanged=1)
