"""Recipients that a query selects, read as they are needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from airflow_provider_hvsms.api.errors import InvalidRequest, LoadFailed, LoadRefused
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientColumns, RecipientRow
from airflow_provider_hvsms.sinks.sql.registry import open_readable_database
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from airflow_provider_hvsms.sinks.warehouses.warehouse import Warehouse

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

ROWS_PER_FETCH = 1_000

Parameters = Mapping[str, Any] | Sequence[Any] | None
"""In the style of the database's driver; for BigQuery, a mapping for `@name` or a sequence for `?`."""


def read_query(hook: DbApiHook, sql: str, parameters: Parameters = None, *, sql_conn_id: str) -> Iterator[RecipientRow]:
    """The recipients that a SELECT returns, in memory of constant size where the driver can.

    PostgreSQL and MySQL keep the rows at the server (a named or unbuffered cursor), in a transaction that only reads.

    :param hook: gives the connection.
    :param sql: one SELECT with a column `to` or `to_number`, perhaps `text`, and those of the placeholders; their
        names in any case.
    :param sql_conn_id: for messages.
    :raises InvalidRequest: the column is missing, or the statement returns no rows at all, such as an UPDATE.
    :raises LoadRefused: the database refused the query, and would refuse it again.
    :raises LoadFailed: the query failed for a reason that can pass.
    """
    warehouse = find_warehouse(hook)
    rows = _rows_of_warehouse(warehouse, sql, parameters) if warehouse else _rows_of_database(hook, sql, parameters)
    with _named(sql_conn_id):
        columns = RecipientColumns([str(name) for name in next(rows)], "The query")
        for place, row in enumerate(rows, start=1):
            yield columns.row("Row", place, row)


class _QueryError(Exception):
    """A query failed; the message has no value of a row."""

    def __init__(self, reason: str, *, is_permanent: bool) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


@contextmanager
def _named(sql_conn_id: str) -> Iterator[None]:
    try:
        yield
    except _QueryError as error:
        message = f"The query for recipients failed in connection {sql_conn_id!r}: {error}. Nothing was sent."
        if error.is_permanent:
            raise LoadRefused(f"{message} Correct the query or the rights of its user.") from None
        raise LoadFailed(f"{message} Run the task again.") from None


def _rows_of_database(hook: DbApiHook, sql: str, parameters: Parameters) -> Iterator[Sequence[Any]]:
    """The names of the columns, then the rows."""
    database = open_readable_database(hook)
    options = {"stream_results": True, "max_row_buffer": ROWS_PER_FETCH, "no_parameters": True}
    try:
        with database.engine.connect() as connection:
            database.begin_reading(connection)
            driver_parameters: Any = tuple(parameters) if isinstance(parameters, list) else parameters
            found = connection.execution_options(**options).exec_driver_sql(sql, driver_parameters)
            if not found.returns_rows:
                raise InvalidRequest(_NO_ROWS)
            yield tuple(found.keys())
            for some in found.partitions(ROWS_PER_FETCH):
                yield from some
            connection.rollback()
    except DBAPIError as error:
        raise _QueryError(
            _describe(error), is_permanent=isinstance(error, _PERMANENT) or database.is_permanent(error)
        ) from None


def _rows_of_warehouse(warehouse: Warehouse, sql: str, parameters: Parameters) -> Iterator[Sequence[Any]]:
    """The names of the columns, then the rows."""
    try:
        with warehouse.cursor() as cursor:
            cursor.execute(sql, parameters)
            if not cursor.description:
                raise InvalidRequest(_NO_ROWS)
            yield tuple(column[0] for column in cursor.description)
            while rows := cursor.fetchmany(ROWS_PER_FETCH):
                yield from rows
    except warehouse.driver_errors as error:
        raise _QueryError(
            _without_value(warehouse.describe_error(error)), is_permanent=warehouse.is_permanent(error)
        ) from None


def _describe(error: DBAPIError) -> str:
    """The driver's error in one line, without a value."""
    cause: Any = error.orig
    name = type(cause).__name__
    if isinstance(error, DataError | IntegrityError):
        # Its message may quote the value.
        code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or next(iter(cause.args), "")
        return f"{name} {code}".strip() if re.fullmatch(r"\d{3,6}|[0-9A-Z]{5}", str(code)) else name
    first_line = str(cause).strip().partition("\n")[0]
    return f"{name}: {_without_value(redact(first_line))}".removesuffix(".")


def _without_value(message: str) -> str:
    return _VALUE.sub(r"\1***", message)


_PERMANENT = (DataError, NotSupportedError, ProgrammingError)
"""Beside those of which a load knows: a query has mistakes that the statements of a load cannot have."""

_VALUE = re.compile(r"(value:? ).*", re.IGNORECASE)
"""In messages of BigQuery and MySQL, such as `Bad int64 value: abc`, what follows is a value of a row."""

_NO_ROWS = "The query for recipients is no SELECT: it returns no table. Nothing was sent."
