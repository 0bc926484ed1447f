"""SQLite: rows go in with the driver's `executemany`, one transaction a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.sinks.schema import Kind, Layout, Row
from airflow_provider_hvsms.sinks.sql.dialect import LOCK_SECONDS, Upserting, family_of, read_in_order
from airflow_provider_hvsms.sinks.sql.driver import (
    KIND,
    Conversion,
    converted,
    driver_cursor,
    insert_statement,
    utc_texts,
)


class Sqlite(Upserting):
    """A SQLite file."""

    stage_has_key = True

    # Staging must not lock the file for others, so the driver's own transactions are switched off.
    def __init__(self, engine: sa.engine.Engine) -> None:
        super().__init__(engine)

        @sa.event.listens_for(engine, "connect")
        def configure(connection: Any, _: object) -> None:
            connection.isolation_level = None
            connection.row_factory = None
            connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")

    def is_permanent(self, error: DBAPIError) -> bool:
        return not any(word in str(error.orig) for word in _PASSING)

    def stored_name(self, connection: sa.engine.Connection, table: sa.Table) -> str:
        catalogue = sa.table("sqlite_master", sa.column("type"), sa.column("name"), schema=table.schema)
        same = sa.func.lower(catalogue.c.name) == sa.func.lower(table.name)
        found = connection.scalar(sa.select(catalogue.c.name).where(same, catalogue.c.type == "table"))
        return str(found or table.name)

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, str]:
        """Only of columns that would change a text: all others keep what they get."""
        families = super().type_families(connection, table)
        changing = {"number", "time", "other"}
        texts = {column.name for column in table.columns if family_of(column.info[KIND]) == "text"}
        return {name: family for name, family in families.items() if name in texts and family in changing}

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        with super().transaction(connection, target):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield

    def stage_rows(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        with driver_cursor(connection) as cursor:
            cursor.execute("BEGIN")
            cursor.executemany(insert_statement(connection, stage), converted(stage, rows, _AS_STORED))

    def insert(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        return self.merge(target, stage, layout)

    def _upsert(self, target: sa.Table) -> Any:
        return sqlite.insert(target)

    def _source(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        # Of a record that comes twice the second row meets the first one.
        # Without a condition SQLite would read `ON CONFLICT` as one of a join.
        return read_in_order(stage, layout).where(sa.true())


def _floats(values: Sequence[Decimal | None]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


_PASSING = ("locked", "busy", "disk I/O error", "is full")
"""Words of SQLite's messages about trouble that may pass."""

_AS_STORED: dict[Kind, Conversion] = {Kind.TIME: utc_texts, Kind.DECIMAL: _floats}
"""As SQLAlchemy's types store them, and SQLite's own functions read them."""
