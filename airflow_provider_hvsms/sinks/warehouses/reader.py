"""Reads a table of a warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from airflow_provider_hvsms.sinks.schema import Row
from airflow_provider_hvsms.sinks.table_reader import check_columns
from airflow_provider_hvsms.sinks.warehouses.sink import explained_errors
from airflow_provider_hvsms.sinks.warehouses.warehouse import Warehouse


@contextmanager
def open_warehouse_reader(warehouse: Warehouse, table: str, names: Sequence[str]) -> Iterator[WarehouseTableReader]:
    """Check that the table can be read, and open a session that reads it.

    :param table: the table's name, as `Warehouse.check` takes it.
    :param names: the columns that are read.
    :raises TableMismatch: the table does not exist, or lacks one of them, or its name is not valid.
    :raises LoadRefused: the warehouse refused a request, and would refuse it again.
    :raises LoadFailed: a request failed for a reason that can pass.
    """
    with explained_errors(warehouse, table), warehouse.session():
        warehouse.check_readable(table)
        check_columns(table, warehouse.columns(table), names)
        yield WarehouseTableReader(warehouse, table)


class WarehouseTableReader:
    """A `TableReader` of a warehouse, whose statements are texts."""

    def __init__(self, warehouse: Warehouse, table: str) -> None:
        # Its name is SQL already.
        self.source: sa.sql.FromClause = sa.table(sa.sql.quoted_name(warehouse.table_in_sql(table), quote=False))
        self._warehouse = warehouse

    def column(self, name: str) -> sa.ColumnElement[Any]:
        return sa.literal_column(self._warehouse.syntax.quote(name))

    def utc_day(self, name: str) -> sa.ColumnElement[Any]:
        syntax = self._warehouse.syntax
        return sa.literal_column(syntax.utc_day(syntax.quote(name)))

    def timestamp(self, value: datetime) -> sa.ColumnElement[Any]:
        return sa.literal_column(self._warehouse.syntax.timestamp(value))

    def rows(self, statement: sa.sql.Select[Any]) -> Iterable[Row]:
        compiled = statement.compile(dialect=DefaultDialect(), compile_kwargs={"literal_binds": True})
        return self._warehouse.select(str(compiled))
