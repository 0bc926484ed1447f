"""SQLite: rows go in with the driver's `executemany`, one transaction a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from airflow_provider_hvsms.sinks.database import PATIENCE_SECONDS, Upserting
from airflow_provider_hvsms.sinks.driver import Conversion, converted, driver_cursor, insert_statement, utc_texts
from airflow_provider_hvsms.sinks.rows import Kind, Layout, Row


class Sqlite(Upserting):
    # Staging must not lock the file for others, so the driver's own transactions are switched off.
    def __init__(self, engine: sa.engine.Engine) -> None:
        super().__init__(engine)

        @sa.event.listens_for(engine, "connect")
        def configure(connection: Any, _: object) -> None:
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000}")

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        with super().transaction(connection, target):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield

    def fill(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        with driver_cursor(connection) as cursor:
            cursor.execute("BEGIN")
            cursor.executemany(insert_statement(connection, stage), converted(stage, rows, _AS_STORED))

    def insert(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        return self.merge(target, stage, layout)

    def _upsert(self, target: sa.Table) -> Any:
        return sqlite.insert(target)

    def _source(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        # Of a record that comes twice the second row meets the first one, so nothing needs to be sorted before.
        # Without a condition SQLite would read `ON CONFLICT` as one of a join.
        return sa.select(*(stage.c[name] for name in layout.names)).where(sa.true())


def _floats(values: Sequence[Decimal | None]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


_AS_STORED: dict[Kind, Conversion] = {Kind.TIME: utc_texts, Kind.MONEY: _floats}
"""As SQLAlchemy's types store them, and SQLite's own functions read them."""
