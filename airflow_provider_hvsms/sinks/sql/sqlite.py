"""SQLite: inserts a page with the driver's `executemany`, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.sinks.schema import Changes, ColumnType, Layout, Row
from airflow_provider_hvsms.sinks.sql.bulk_insert import (
    Conversion,
    convert_columns,
    driver_cursor,
    format_timestamps,
    insert_statement,
)
from airflow_provider_hvsms.sinks.sql.counts import count_matches, count_rows
from airflow_provider_hvsms.sinks.sql.dialect import MAX_LOCK_WAIT
from airflow_provider_hvsms.sinks.sql.merge import rows_in_read_order
from airflow_provider_hvsms.sinks.sql.sql_types import TypeFamily, required_family
from airflow_provider_hvsms.sinks.sql.tables import type_of
from airflow_provider_hvsms.sinks.sql.upsert import UpsertDatabase


class SqliteDatabase(UpsertDatabase):
    """A SQLite file."""

    stage_has_key = True

    def __init__(self, engine: sa.engine.Engine) -> None:
        super().__init__(engine)

        @sa.event.listens_for(engine, "connect")
        def configure(connection: Any, _: object) -> None:
            # Without the driver's implicit transactions, so that staging does not lock the file for others.
            connection.isolation_level = None
            connection.row_factory = None
            connection.execute(f"PRAGMA busy_timeout = {MAX_LOCK_WAIT * 1000}")

    def is_permanent(self, error: DBAPIError) -> bool:
        return not any(word in str(error.orig) for word in _TRANSIENT)

    def stored_name(self, connection: sa.engine.Connection, table: sa.Table) -> str:
        catalog = sa.table("sqlite_master", sa.column("type"), sa.column("name"), schema=table.schema)
        has_name = sa.func.lower(catalog.c.name) == sa.func.lower(table.name)
        found = connection.scalar(sa.select(catalog.c.name).where(has_name, catalog.c.type == "table"))
        return str(found or table.name)

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, TypeFamily]:
        """Only those of text columns: a type for numbers changes some texts, while others keep any value."""
        families = super().type_families(connection, table)
        texts = {column.name for column in table.columns if required_family(type_of(column)) is TypeFamily.TEXT}
        return {name: family for name, family in families.items() if name in texts}

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        with super().transaction(connection, target):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield

    def stage_rows(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        with driver_cursor(connection) as cursor:
            cursor.execute("BEGIN")
            cursor.executemany(insert_statement(connection, stage), convert_columns(stage, rows, _CONVERSIONS))

    def insert(
        self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
    ) -> Changes:
        """SQLite merges one row at a time, so the second row of a record is merged into the first."""
        self._merge(connection, target, stage, layout)
        return Changes(inserted=count_rows(connection, target), updated=0, unchanged=0)

    def merge(
        self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
    ) -> Changes:
        rows, records, existing = count_matches(connection, target, stage, layout)
        if records < rows:
            self._remove_superseded(connection, stage, layout)
        changed, inserted = self._merge(connection, target, stage, layout), records - existing
        return Changes(inserted=inserted, updated=changed - inserted, unchanged=records - changed)

    def begin_reading(self, connection: sa.engine.Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")

    def utc_day(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        return sa.func.substr(column, sa.literal_column("1"), sa.literal_column("10"))

    def _insert(self, target: sa.Table) -> Any:
        return sqlite.insert(target)

    def _staged_rows(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        # Without a condition, SQLite would parse `ON CONFLICT` as the `ON` of a join.
        return rows_in_read_order(stage, layout).where(sa.true())


def _floats(values: Sequence[Decimal | None]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


_TRANSIENT = ("locked", "busy", "disk I/O error", "is full")
"""In the messages of errors that can pass."""

_CONVERSIONS: dict[ColumnType, Conversion] = {ColumnType.TIMESTAMP: format_timestamps, ColumnType.DECIMAL: _floats}
"""Into the form that SQLAlchemy's types store and SQLite's functions read."""
