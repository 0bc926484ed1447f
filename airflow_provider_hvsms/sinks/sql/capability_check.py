"""Tests with made-up rows whether an unknown database does what a load relies on, before anything is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from airflow_provider_hvsms.api.errors import PermanentError, TransientError, UnsuitableDatabase
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.sinks.schema import ColumnType, Layout, Row
from airflow_provider_hvsms.sinks.sql.counts import count_rows
from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.tables import make_probe

_TEST_TIMESTAMP = datetime(2026, 11, 1, 12, tzinfo=UTC)
_TEST_DECIMAL = Decimal("0.007")
_TOLERANCE = Decimal("0.000001")
_TEST_ROWS = 2
_NO_ROLLBACK = "a rolled back transaction left its rows"


def check_capabilities(
    database: Database, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
) -> None:
    """Stage, merge and roll back two test rows of a probe table, which is like the target and is dropped again.

    :param stage: an empty staging table, which is left empty.
    :raises UnsuitableDatabase: a step had another result than it must have.
    """
    probe = make_probe(target, layout)
    probe.create(connection)
    connection.commit()
    try:
        _check_staging(database, connection, stage, layout)
        _check_rollback(database, connection, probe, stage, layout)
        check_by_insert(connection, probe, layout)
    finally:
        if not connection.invalidated:
            connection.rollback()
            probe.drop(connection)
            connection.execute(sa.delete(stage))
            connection.commit()


def check_by_insert(connection: sa.engine.Connection, target: sa.Table, layout: Layout[Any]) -> None:
    """Insert a test row twice, of which the key must refuse the second, and roll back.

    Call it after `check_capabilities`, which shows that a rollback works at all.

    :raises UnsuitableDatabase: the second row was accepted, a value came back changed, or the row was not rolled back.
    """
    row = dict(zip(layout.names, _test_row(layout, 0), strict=True))
    is_test_row = sa.and_(*(target.c[name] == row[name] for name in layout.key))
    remaining = 0
    connection.execute(sa.insert(target), [row])
    try:
        _check_values(connection, target, layout, is_test_row)
        _require(_is_refused(connection, sa.insert(target), row), "two rows with the same primary key were accepted")
    finally:
        if not connection.invalidated:
            connection.rollback()
            remaining = _count(connection, target, is_test_row)
            if remaining:
                connection.execute(sa.delete(target).where(is_test_row))
                connection.commit()
    _require(remaining == 0, _NO_ROLLBACK)


@contextmanager
def explaining_refusals(database: Database) -> Iterator[None]:
    """Raise `UnsuitableDatabase` for whatever an unknown database refuses, but not for a transient error."""
    try:
        yield
    except (PermanentError, TransientError):
        raise
    except Exception as error:
        # A driver and a dialect that do not fit together can raise anything.
        cause = (isinstance(error, DBAPIError) and error.orig) or error
        is_transient = isinstance(error, DBAPIError) and not (
            database.is_permanent(error) or isinstance(error, IntegrityError)
        )
        if is_transient and not isinstance(cause, AttributeError | TypeError | NotImplementedError):
            raise
        first_line = redact(str(cause).strip().partition("\n")[0])
        raise _unsuitable(f"{type(cause).__name__}: {first_line}") from None


def _check_staging(database: Database, connection: sa.engine.Connection, stage: sa.Table, layout: Layout[Any]) -> None:
    database.stage_rows(connection, stage, [(number, *_test_row(layout, number)) for number in range(_TEST_ROWS)])
    _require(count_rows(connection, stage) == _TEST_ROWS, "a temporary table lost its rows when they were committed")


def _check_rollback(
    database: Database, connection: sa.engine.Connection, probe: sa.Table, stage: sa.Table, layout: Layout[Any]
) -> None:
    database.merge(connection, probe, stage, layout)
    _require(count_rows(connection, probe) == _TEST_ROWS, "merged rows were missing from the table")
    connection.rollback()
    _require(count_rows(connection, probe) == 0, f"{_NO_ROLLBACK}, as in autocommit mode")


def _check_values(
    connection: sa.engine.Connection, target: sa.Table, layout: Layout[Any], is_test_row: sa.ColumnElement[bool]
) -> None:
    columns = [column for column in layout.columns if column.type in (ColumnType.TIMESTAMP, ColumnType.DECIMAL)]
    # Literal columns have no type, so the values are those of the driver, not converted back by SQLAlchemy.
    quote = connection.dialect.identifier_preparer.quote
    values: Any = sa.select(*(sa.literal_column(quote(column.name)) for column in columns))
    found = connection.execute(values.select_from(target).where(is_test_row)).one()
    for column, value in zip(columns, found, strict=True):
        if isinstance(value, datetime):
            in_utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            _require(in_utc == _TEST_TIMESTAMP, f"12:00 UTC came back as {in_utc:%H:%M} UTC")
        elif column.type is ColumnType.TIMESTAMP:
            _require(not isinstance(value, date), "a timestamp came back as a date")
        else:
            _require(abs(Decimal(str(value)) - _TEST_DECIMAL) < _TOLERANCE, f"{_TEST_DECIMAL} came back as {value}")


def _is_refused(connection: sa.engine.Connection, insert: sa.sql.Insert, row: dict[str, Any]) -> bool:
    try:
        connection.execute(insert, [row])
    except DBAPIError:
        return True
    return False


def _count(connection: sa.engine.Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one())


def _test_row(layout: Layout[Any], number: int) -> Row:
    values = {
        ColumnType.INTEGER: number,
        ColumnType.DECIMAL: _TEST_DECIMAL,
        ColumnType.TIMESTAMP: _TEST_TIMESTAMP,
        ColumnType.JSON: "{}",
    }
    return tuple(values.get(column.type, f"probe {number}") for column in layout.columns)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise _unsuitable(problem)


def _unsuitable(problem: str) -> UnsuitableDatabase:
    return UnsuitableDatabase(
        f"This database cannot be loaded safely. A check with test rows failed: {problem}. Nothing was read or "
        "written. Write to object storage instead, for example with HvsmsMessagesToObjectStorageOperator, and load the "
        "files with the database's own COPY."
    )
