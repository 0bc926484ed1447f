"""Tables that version 0.1.0 created are loaded by this version."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_hvsms.api.records import OptOut
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, OPT_OUTS, REJECTS, STATUSES, Changes, Layout, Row
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.loading import SECOND_LOAD, Table, rows, table
from tests.support.messages import LOADED_AT, NOON, REJECT, message

TABLES = {
    "messages": """
        CREATE TABLE messages (
            id {ID} NOT NULL, batch_id {TEXT}, direction {TEXT}, from_number {TEXT}, to_number {TEXT},
            message_status {TEXT}, error_code {TEXT}, segment_count BIGINT, cost NUMERIC(12, 6),
            creation_time {TIME}, last_modified_time {TIME}, text {TEXT}, loaded_at {TIME},
            PRIMARY KEY (id)
        )
    """,
    "batches": """
        CREATE TABLE batches (
            id {ID} NOT NULL, from_number {TEXT}, batch_size BIGINT, processed_count BIGINT, status {TEXT},
            rejected_count BIGINT, rejected {JSON}, cost NUMERIC(12, 6), creation_time {TIME},
            last_modified_time {TIME}, loaded_at {TIME},
            PRIMARY KEY (id)
        )
    """,
    "statuses": """
        CREATE TABLE statuses (
            window_start {TIME} NOT NULL, window_end {TIME} NOT NULL, batch_id {ID} NOT NULL,
            direction {KEY} NOT NULL, phone_numbers {KEY} NOT NULL, status {KEY} NOT NULL,
            count BIGINT, cost NUMERIC(12, 6), error_code_counts {JSON}, loaded_at {TIME},
            PRIMARY KEY (window_start, window_end, batch_id, direction, phone_numbers, status)
        )
    """,
    "opt_outs": """
        CREATE TABLE opt_outs (
            from_number {ID} NOT NULL, to_number {ID} NOT NULL, status {TEXT}, source {TEXT}, loaded_at {TIME},
            PRIMARY KEY (from_number, to_number)
        )
    """,
    "messages_rejects": """
        CREATE TABLE messages_rejects (
            fingerprint {ID} NOT NULL, record {JSON}, reason {TEXT}, loaded_at {TIME},
            PRIMARY KEY (fingerprint)
        )
    """,
}
"""The tables of version 0.1.0, with the types of `TYPES`."""

_MYSQL_TEXT = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_OTHERS = {"ID": "TEXT", "KEY": "TEXT", "TEXT": "TEXT", "JSON": "TEXT"}
TYPES = {
    "postgres": {**_OTHERS, "TIME": "TIMESTAMP WITH TIME ZONE"},
    "sqlite": {**_OTHERS, "TIME": "DATETIME"},
    "duckdb": {**_OTHERS, "TIME": "DATETIME"},
    "mysql": {
        "ID": f"VARCHAR(180) {_MYSQL_TEXT}",
        "KEY": f"VARCHAR(180) {_MYSQL_TEXT}",
        "TEXT": f"TEXT {_MYSQL_TEXT}",
        "JSON": f"LONGTEXT {_MYSQL_TEXT}",
        "TIME": "DATETIME(6)",
    },
}

BATCH: Row = ("1", "+1", 2, 2, "Completed", 0, "[]", Decimal("0.014"), NOON, NOON, LOADED_AT)
STATUS: Row = (NOON, SECOND_LOAD, "", "", "", "Sent", 2, Decimal("0.014"), "{}", LOADED_AT)
OPT_OUT: Row = OPT_OUTS.rows([OptOut(from_number="+1", to="+2", status="OptOut")], LOADED_AT)[0]


@pytest.fixture
def old_warehouse(warehouse: Warehouse) -> Warehouse:
    """A database with the empty tables of version 0.1.0."""
    types = TYPES[str(warehouse.connection["conn_type"])]
    for ddl in TABLES.values():
        warehouse.run(ddl.format(**types))
    return warehouse


def test_rows_of_version_0_1_0_are_updated_and_new_ones_added(old_warehouse: Warehouse) -> None:
    old_warehouse.run(
        "INSERT INTO messages VALUES ('1', NULL, 'Outbound', '+16505550100', '+16501112222', 'Queued', NULL, 1, 0.007, "
        "'2026-11-01 12:00:01.436491', '2026-11-01 12:00:00.000000', 'Hello', '2026-11-01 13:00:00.000000')"
    )
    assert table().load([rows(message(1), message(2))]) == Changes(inserted=1, updated=1, unchanged=0)
    found = old_warehouse.query("SELECT id, message_status, text, cost FROM messages ORDER BY id")
    assert [row[:3] for row in found] == [("1", "Sent", "Hello"), ("2", "Sent", None)]
    assert [float(row[3]) for row in found] == [0.007, 0.007]
    assert table().load([rows(message(1), message(2))]) == Changes(inserted=0, updated=0, unchanged=2)


@pytest.mark.parametrize(
    ("name", "layout", "row"),
    [("batches", BATCHES, BATCH), ("statuses", STATUSES, STATUS), ("opt_outs", OPT_OUTS, OPT_OUT)],
)
def test_table_of_version_0_1_0_is_loaded(old_warehouse: Warehouse, name: str, layout: Layout[Any], row: Row) -> None:
    target = Table(table().hook, name, layout)
    assert target.load([[row]]) == Changes(inserted=1, updated=0, unchanged=0)
    assert target.load([[row]]) == Changes(inserted=0, updated=0, unchanged=1)
    assert len(old_warehouse.query(f"SELECT * FROM {name}")) == 1


def test_rejects_of_version_0_1_0_are_loaded(old_warehouse: Warehouse) -> None:
    for _ in range(2):
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True, on_schema_change="fail") as sink:
            sink.add(rows(message(1)), REJECTS.rows([REJECT], LOADED_AT))
            sink.finish({})
    assert old_warehouse.query("SELECT reason FROM messages_rejects") == [(REJECT.reason,)]
