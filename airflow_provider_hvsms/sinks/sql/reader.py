"""Reads a table of a database, in one transaction that only reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import UnsuitableDatabase
from airflow_provider_hvsms.sinks.schema import Layout, Row
from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.registry import open_database
from airflow_provider_hvsms.sinks.sql.sink import failed_statement
from airflow_provider_hvsms.sinks.sql.tables import make_target
from airflow_provider_hvsms.sinks.table_reader import check_columns

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


@contextmanager
def open_table_reader(
    hook: DbApiHook, table: str, layout: Layout[Any], names: Sequence[str]
) -> Iterator[SqlTableReader]:
    """Check that the table can be read, and begin a transaction that reads it.

    :param table: the table's name, or `schema.table`, as loads take it.
    :param names: the columns of the layout that are read.
    :raises TableMismatch: the table does not exist, or lacks one of them.
    :raises UnsuitableDatabase: the database is loaded from files only.
    :raises LoadRefused: the database refused a statement, and would refuse it again.
    :raises LoadFailed: a statement failed for a reason that can pass.
    """
    database = _open(hook)
    try:
        with database.engine.connect() as connection:
            schema, _, own_name = table.rpartition(".")
            found = make_target(own_name, schema or None, layout)
            found = make_target(database.stored_name(connection, found), schema or None, layout)
            check_columns(table, database.columns(connection, found), names)
            connection.rollback()
            database.begin_reading(connection)
            try:
                yield SqlTableReader(database, connection, found)
            finally:
                connection.rollback()
    except DBAPIError as error:
        raise failed_statement(database, table, error) from None


class SqlTableReader:
    """A `TableReader` of a database."""

    def __init__(self, database: Database, connection: sa.engine.Connection, table: sa.Table) -> None:
        self.source: sa.sql.FromClause = table
        self._database = database
        self._connection = connection
        self._table = table

    def column(self, name: str) -> sa.ColumnElement[Any]:
        return self._table.c[name]

    def utc_day(self, name: str) -> sa.ColumnElement[Any]:
        return self._database.utc_day(self._table.c[name])

    def timestamp(self, value: datetime) -> datetime:
        """The type of the column makes it a value of the driver."""
        return value

    def rows(self, statement: sa.sql.Select[Any]) -> Iterable[Row]:
        return map(tuple, self._connection.execute(statement))


def _open(hook: DbApiHook) -> Database:
    try:
        return open_database(hook)
    except UnsuitableDatabase:
        raise UnsuitableDatabase(
            f"A {type(hook).__name__} cannot be read. Nothing was read. Copy the table into one of the databases and "
            "warehouses into which messages are loaded directly, and name that one."
        ) from None
