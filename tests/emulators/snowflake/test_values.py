"""Values are stored exactly, in the types that Snowflake has for them."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.sinks.schema import BATCHES, REJECTS, Changes
from tests.emulators.snowflake.conftest import SnowflakeWarehouse
from tests.emulators.snowflake.loading import SECOND_LOAD, load, rows
from tests.support.messages import LOADED_AT, NOON, REJECT, message

BATCH = Batch(
    id="7",
    from_number="+16505550100",
    batch_size=3,
    processed_count=2,
    status="Completed",
    rejected=(),
    cost=Decimal("0.5"),
    creation_time=NOON,
    last_modified_time=NOON,
)


def test_table_is_created_with_the_documented_types_and_names_in_upper_case(warehouse: SnowflakeWarehouse) -> None:
    load([BATCHES.rows([BATCH], LOADED_AT)], table="batches", layout=BATCHES)
    types = {name: type_ for name, type_, *_ in warehouse.query('DESCRIBE TABLE "BATCHES"')}
    assert types["ID"].startswith("VARCHAR")
    assert types["COST"] == "NUMBER(18,6)"
    assert types["CREATION_TIME"].startswith("TIMESTAMP_TZ")
    assert types["BATCH_SIZE"] == "NUMBER(38,0)"
    assert types["REJECTED"] == "VARIANT"


def test_any_text_is_stored_exactly(warehouse: SnowflakeWarehouse) -> None:
    texts = [
        "",
        None,
        'it\'s "quoted"; DROP TABLE messages; --',
        "línea\nnew\ttab\\",
        "🎉 %s :name $1 ?",
        "x" * 1000,
        "\\N",
        "null",
        '"',
        '""',
        "\\",
        '\\"',
        "one\n\\.\ntwo",
        "\r\n\b\f\v\x1b\x7f\x85\u2028",
        "\\n \\\\n \\u0041 \\x41 \\",
        "comma, \"comma\", 'comma',",
        " spaces ",
    ]
    load([rows(*(message(number + 10, text=text) for number, text in enumerate(texts)))])
    assert [row[0] for row in warehouse.query("SELECT text FROM messages ORDER BY id")] == texts


def test_costs_are_stored_exactly_with_six_decimal_places(warehouse: SnowflakeWarehouse) -> None:
    costs = ["0.007", "-0.000001", "999999.999999", "-123456789.25", "0", "100000", "1E-6", "0.100000"]
    load([rows(*(message(number, cost=Decimal(cost)) for number, cost in enumerate(costs)), message(9, cost=None))])
    *found, without = [row[0] for row in warehouse.query("SELECT cost FROM messages ORDER BY id")]
    assert [Decimal(str(cost)) for cost in found] == [Decimal(cost) for cost in costs]
    assert without is None


def test_timestamps_are_stored_exactly_to_the_microsecond(warehouse: SnowflakeWarehouse) -> None:
    times = [NOON.replace(microsecond=microsecond) for microsecond in (0, 1, 100, 500_000, 999_999)]
    load([rows(*(message(number, creation_time=time) for number, time in enumerate(times)))])
    assert [row[0] for row in warehouse.query("SELECT creation_time FROM messages ORDER BY id")] == times


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


def test_batch_with_equal_json_is_unchanged(warehouse: SnowflakeWarehouse) -> None:
    load([BATCHES.rows([BATCH], LOADED_AT)], table="batches", layout=BATCHES)
    changes = load([BATCHES.rows([BATCH], SECOND_LOAD)], table="batches", layout=BATCHES)
    assert changes == Changes(inserted=0, updated=0, unchanged=1)


def test_times_go_into_a_column_without_time_zone_in_utc(warehouse: SnowflakeWarehouse) -> None:
    load([])
    warehouse.run("ALTER TABLE messages DROP COLUMN creation_time")
    warehouse.run("ALTER TABLE messages ADD COLUMN creation_time TIMESTAMP_NTZ")
    for loaded_at in (LOADED_AT, SECOND_LOAD):
        changes = load([rows(message(1), loaded_at=loaded_at)])
    expected = (NOON + timedelta(seconds=1, microseconds=436491)).replace(tzinfo=None)
    assert warehouse.query("SELECT creation_time FROM messages") == [(expected,)]
    assert changes == Changes(inserted=0, updated=0, unchanged=1)
