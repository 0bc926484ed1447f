"""Inserts by the driver's own `executemany`, which prepares a row faster than SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.sinks.schema import ColumnType, Row
from airflow_provider_hvsms.sinks.sql.tables import type_of

Conversion = Callable[[Sequence[Any]], Sequence[Any]]
"""Converts all values of a column at once."""


@contextmanager
def driver_cursor(connection: sa.engine.Connection) -> Iterator[Any]:
    """A cursor of the driver, in a transaction. The driver's errors are raised as SQLAlchemy's `DBAPIError`."""
    driver: Any = connection.dialect.dbapi
    with connection.begin(), closing(connection.connection.cursor()) as cursor:
        try:
            yield cursor
        except driver.Error as error:
            raise DBAPIError(None, None, error, hide_parameters=True) from None


def insert_statement(connection: sa.engine.Connection, stage: sa.Table) -> str:
    """An insert of every column, with positional placeholders."""
    compiled: Any = stage.insert().compile(dialect=connection.dialect)
    return str(compiled) if compiled.positional else str(compiled) % dict.fromkeys(compiled.params, "%s")


def convert_columns(stage: sa.Table, rows: Sequence[Row], conversions: Mapping[ColumnType, Conversion]) -> list[Row]:
    """The rows with the columns of some types converted."""
    types = [type_of(column) for column in stage.columns]
    columns = zip(types, zip(*rows, strict=True), strict=True)
    return list(zip(*(conversions.get(column_type, tuple)(values) for column_type, values in columns), strict=True))


def format_timestamps(values: Sequence[datetime | None]) -> list[str | None]:
    """Timestamps in UTC as `2026-11-01 12:00:01.436491`. Going through JSON is ten times as fast as `isoformat`."""
    array = _JSON.encode(values).replace(b"T", b" ").replace(b"Z", b"").replace(b"+00:00", b"")
    texts = msgspec.json.decode(array, type=list[str | None])
    return [f"{text}.000000" if text and len(text) == _LENGTH_OF_SECONDS else text for text in texts]


_JSON = msgspec.json.Encoder(enc_hook=str)
_LENGTH_OF_SECONDS = len("2026-11-01 12:00:01")
