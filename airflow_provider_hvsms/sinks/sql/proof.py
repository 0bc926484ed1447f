"""A database that nothing is known of proves what a load relies on, before anything is read."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import PermanentError, TransientError, UnsuitableDatabase
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.sinks.schema import Kind, Layout, Row
from airflow_provider_hvsms.sinks.sql.dialect import Database

_NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
_COST = Decimal("0.007")
_LITTLE = Decimal("0.000001")
_ROWS = 2
_NO_ROLLBACK = "a rolled back transaction left its rows"


def prove(
    database: Database,
    connection: sa.engine.Connection,
    layout: Layout[Any],
    make_table: Callable[[str], sa.Table],
    stage: sa.Table,
) -> None:
    """Stage, merge and roll back two rows of a table of the proof's own, which is dropped again.

    :param make_table: the layout's table under another name, in the target's schema.
    :param stage: an empty staging table; it is empty again afterwards.
    :raises UnsuitableDatabase: something did not come out as it must.
    """
    probe = make_table(f"hvsms_probe_{uuid.uuid4().hex[:12]}")
    probe.create(connection)
    connection.commit()
    try:
        _prove_staging(database, connection, layout, stage)
        _prove_rollback(database, connection, layout, probe, stage)
        prove_target(connection, layout, probe)
    finally:
        if not connection.invalidated:
            connection.rollback()
            probe.drop(connection)
            connection.execute(sa.delete(stage))
            connection.commit()


def prove_target(connection: sa.engine.Connection, layout: Layout[Any], target: sa.Table) -> None:
    """Insert a made-up row twice, which a key must refuse, and take it back.

    To be called when it is sure that a rollback takes back what was inserted.

    :raises UnsuitableDatabase: the second one was accepted, or a value did not come back as it was, or the row stayed.
    """
    row = dict(zip(layout.names, _row(layout, 0), strict=True))
    is_the_row = sa.and_(*(target.c[name] == row[name] for name in layout.key))
    left = 0
    connection.execute(sa.insert(target), [row])
    try:
        _prove_values(connection, layout, target, is_the_row)
        _require(_is_refused(connection, sa.insert(target), row), "two rows with the same primary key were accepted")
    finally:
        if not connection.invalidated:
            connection.rollback()
            left = _count(connection, target, is_the_row)
            if left:
                connection.execute(sa.delete(target).where(is_the_row))
                connection.commit()
    _require(left == 0, _NO_ROLLBACK)


def _is_refused(connection: sa.engine.Connection, insert: sa.sql.Insert, row: dict[str, Any]) -> bool:
    try:
        connection.execute(insert, [row])
    except DBAPIError:
        return True
    return False


def _prove_values(
    connection: sa.engine.Connection, layout: Layout[Any], target: sa.Table, is_the_row: sa.ColumnElement[bool]
) -> None:
    columns = [column for column in layout.columns if column.kind in (Kind.TIME, Kind.DECIMAL)]
    # As the driver reads them: SQLAlchemy's type would read them as it wrote them.
    quote = connection.dialect.identifier_preparer.quote
    values: Any = sa.select(*(sa.literal_column(quote(column.name)) for column in columns))
    found = connection.execute(values.select_from(target).where(is_the_row)).one()
    for column, value in zip(columns, found, strict=True):
        if isinstance(value, datetime):
            in_utc = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            _require(in_utc == _NOON.replace(tzinfo=None), f"12:00 UTC came back as {in_utc:%H:%M} UTC")
        elif column.kind is Kind.TIME:
            _require(not isinstance(value, date), "a time came back as a date")
        else:
            _require(abs(Decimal(str(value)) - _COST) < _LITTLE, f"{_COST} came back as {value}")


def _prove_staging(database: Database, connection: sa.engine.Connection, layout: Layout[Any], stage: sa.Table) -> None:
    database.stage_rows(connection, stage, [(number, *_row(layout, number)) for number in range(_ROWS)])
    _require(_count(connection, stage) == _ROWS, "a temporary table lost its rows when they were committed")


def _prove_rollback(
    database: Database, connection: sa.engine.Connection, layout: Layout[Any], probe: sa.Table, stage: sa.Table
) -> None:
    for statement in database.merge(probe, stage, layout):
        connection.execute(statement)
    _require(_count(connection, probe) == _ROWS, "rows did not arrive in a table")
    connection.rollback()
    _require(_count(connection, probe) == 0, f"{_NO_ROLLBACK}: the session commits by itself")


def _count(connection: sa.engine.Connection, table: sa.Table, where: sa.ColumnElement[bool] | None = None) -> int:
    count = sa.select(sa.func.count()).select_from(table)
    return int(connection.execute(count if where is None else count.where(where)).scalar_one())


def _row(layout: Layout[Any], number: int) -> Row:
    values = {Kind.INTEGER: number, Kind.DECIMAL: _COST, Kind.TIME: _NOON, Kind.JSON: "{}"}
    return tuple(values.get(column.kind, f"probe {number}") for column in layout.columns)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise UnsuitableDatabase(_refusal(problem))


@contextmanager
def explaining_refusals(database: Database) -> Iterator[None]:
    """Say of whatever a generic database does not do what works instead; of trouble that may pass nothing."""
    try:
        yield
    except (PermanentError, TransientError):
        raise
    except Exception as error:
        # Drivers and dialects that do not fit together fail with anything.
        cause = (isinstance(error, DBAPIError) and error.orig) or error
        may_pass = isinstance(error, DBAPIError) and not database.is_permanent(error)
        if may_pass and not isinstance(cause, AttributeError | TypeError | NotImplementedError):
            raise
        line = redact(str(cause).strip().partition("\n")[0])
        raise UnsuitableDatabase(_refusal(f"{type(cause).__name__}: {line}")) from None


def _refusal(problem: str) -> str:
    return (
        f"Rows cannot be loaded into this database safely. It was tried with a table of the load's own: {problem}. "
        "Nothing was read or written. Write to object storage instead, for example with "
        "HvsmsMessagesToObjectStorageOperator, and load the files with the database's own COPY."
    )
