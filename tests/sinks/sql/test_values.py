"""Values are stored exactly in every database and with every driver."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused
from airflow_provider_hvsms.sinks.sql import postgresql
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import Psycopg2Hook
from tests.sinks.sql.loading import Table, rows, table
from tests.support.messages import NOON, message


def test_postgres_stores_exact_costs_and_timestamps_with_time_zone(postgres_warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    assert postgres_warehouse.query("SELECT cost, creation_time FROM messages") == [
        (Decimal("0.007000"), message(1).creation_time)
    ]
    assert postgres_warehouse.query(
        "SELECT data_type, numeric_precision, numeric_scale FROM information_schema.columns "
        "WHERE table_name = 'messages' AND column_name IN ('cost', 'creation_time') ORDER BY column_name"
    ) == [("numeric", 18, 6), ("timestamp with time zone", None, None)]


def test_sqlite_stores_timestamps_in_utc_that_its_functions_can_read(sqlite_warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    assert sqlite_warehouse.query("SELECT creation_time, datetime(creation_time), cost FROM messages") == [
        ("2026-11-01 12:00:01.436491", "2026-11-01 12:00:01", 0.007)
    ]


def test_several_recipients_are_joined_by_commas(warehouse: Warehouse) -> None:
    table().load([rows(message(1, to=("+1", "+2")), message(2, to=()))])
    assert warehouse.query("SELECT to_number FROM messages ORDER BY id") == [("+1,+2",), ("",)]


def test_any_text_is_stored_exactly(warehouse: Warehouse) -> None:
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
        "\\.",
        "one\n\\.\ntwo",
        '"],["',
        "]\n[",
        "\r\n\b\f\v\x1b\x7f\x85\u2028",
        "\\n \\\\n \\u0041 \\x41 \\",
        "comma, \"comma\", 'comma',",
        " spaces ",
    ]
    table().load([rows(*(message(number + 10, text=text) for number, text in enumerate(texts)))])
    assert [row[0] for row in warehouse.query("SELECT text FROM messages ORDER BY id")] == texts


def test_nul_character_is_stored_or_replaced_in_postgres(warehouse: Warehouse) -> None:
    table().load([rows(message(1, text="a\x00b"))])
    kept = "a\ufffdb" if warehouse.connection["conn_type"] == "postgres" else "a\x00b"
    assert warehouse.query("SELECT text FROM messages") == [(kept,)]


def test_costs_are_stored_exactly_with_six_decimal_places(warehouse: Warehouse) -> None:
    costs = ["0.007", "-0.000001", "999999.999999", "-123456789.25", "0", "100000", "1E-6", "0.100000"]
    table().load(
        [rows(*(message(number, cost=Decimal(cost)) for number, cost in enumerate(costs)), message(9, cost=None))]
    )
    *found, without = [row[0] for row in warehouse.query("SELECT cost FROM messages ORDER BY id")]
    assert [Decimal(str(cost)) for cost in found] == [Decimal(cost) for cost in costs]
    assert without is None


def test_cost_above_a_million_is_stored_exactly(warehouse: Warehouse) -> None:
    table().load([rows(message(1, cost=Decimal("123456789.654321")))])
    [(cost,)] = warehouse.query("SELECT cost FROM messages")
    assert float(cost) == 123456789.654321


def test_timestamps_are_stored_exactly_to_the_microsecond(warehouse: Warehouse) -> None:
    times = [NOON.replace(microsecond=microsecond) for microsecond in (0, 1, 100, 500_000, 999_999)]
    table().load([rows(*(message(number, creation_time=time) for number, time in enumerate(times)))])
    found = [row[0] for row in warehouse.query("SELECT creation_time FROM messages ORDER BY id")]
    found = [datetime.fromisoformat(time) if isinstance(time, str) else time for time in found]
    assert [time.replace(tzinfo=UTC) if time.tzinfo is None else time for time in found] == times


def test_postgres_is_loaded_with_psycopg2(postgres_warehouse: Warehouse) -> None:
    hook = Psycopg2Hook(postgres_conn_id="warehouse", sqlalchemy_scheme="postgresql+psycopg2")
    Table(hook).load([rows(message(1, text="línea\n\x00🎉"), message(2, error_code=None))])
    assert postgres_warehouse.query("SELECT text, cost FROM messages ORDER BY id") == [
        ("línea\n\ufffd🎉", Decimal("0.007000")),
        (None, Decimal("0.007000")),
    ]


def test_postgres_is_loaded_with_a_driver_without_copy(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_COPIES", {})
    table().load([rows(message(1, text="línea\n\x00🎉"))])
    assert postgres_warehouse.query("SELECT text, creation_time FROM messages") == [
        ("línea\n\ufffd🎉", message(1).creation_time)
    ]


@pytest.mark.parametrize("type_", ["timestamp", "timestamptz"])
def test_timestamps_are_utc_whatever_the_time_zone_of_the_session(postgres_warehouse: Warehouse, type_: str) -> None:
    table().load([])
    [(database,)] = postgres_warehouse.query("SELECT current_database()")
    postgres_warehouse.run(f"ALTER DATABASE {database} SET timezone = 'America/New_York'")
    for column in ("creation_time", "last_modified_time", "loaded_at"):
        postgres_warehouse.run(f"ALTER TABLE messages ALTER COLUMN {column} TYPE {type_}")
    table().load([rows(message(1))])
    [(found,)] = postgres_warehouse.query("SELECT creation_time FROM messages")
    assert found.replace(tzinfo=found.tzinfo or UTC) == message(1).creation_time


def test_mysql_timestamps_are_utc_whatever_the_time_zone_of_the_session(mysql_warehouse: Warehouse) -> None:
    table().load([])
    mysql_warehouse.run("ALTER TABLE messages MODIFY creation_time TIMESTAMP(6) NULL")
    mysql_warehouse.run("SET GLOBAL time_zone = '-05:00'")
    try:
        table().load([rows(message(1))])
    finally:
        mysql_warehouse.run("SET GLOBAL time_zone = 'SYSTEM'")
    [(zone,)] = mysql_warehouse.query("SELECT UNIX_TIMESTAMP(creation_time) FROM messages")
    assert float(zone) == pytest.approx(message(1).creation_time.timestamp())


@pytest.mark.parametrize("charset", ["utf8", "latin1"])
def test_mysql_stores_any_text_whatever_the_character_set_of_the_connection(
    mysql_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, charset: str
) -> None:
    extra = {**mysql_warehouse.connection["extra"], "charset": charset}
    connection = {**mysql_warehouse.connection, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    table().load([rows(message(1, text="línea 🎉"))])
    assert mysql_warehouse.query("SELECT text FROM messages") == [("línea 🎉",)]


def test_mysql_truncates_no_value_whatever_its_sql_mode(mysql_warehouse: Warehouse) -> None:
    table().load([])
    mysql_warehouse.run("ALTER TABLE messages MODIFY text VARCHAR(5), MODIFY cost NUMERIC(9, 6)")
    mysql_warehouse.run("SET GLOBAL sql_mode = ''")
    try:
        with pytest.raises(LoadRefused, match="too long"):
            table().load([rows(message(1, text="too long for it"))])
        with pytest.raises(LoadRefused, match="Out of range"):
            table().load([rows(message(1, cost=Decimal("123456.5")))])
    finally:
        mysql_warehouse.run("SET GLOBAL sql_mode = DEFAULT")
    assert mysql_warehouse.query("SELECT count(*) FROM messages") == [(0,)]
