"""What reads a loaded table, and what is refused before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.schema import Row


class TableReader(Protocol):
    """Reads one table, and never changes anything. Statements are built with SQLAlchemy, whatever the database."""

    @property
    def source(self) -> sa.sql.FromClause:
        """The table, to select from."""

    def column(self, name: str) -> sa.ColumnElement[Any]:
        """A column of the table."""

    def utc_day(self, name: str) -> sa.ColumnElement[Any]:
        """The day in UTC of a column of timestamps."""

    def timestamp(self, value: datetime) -> Any:
        """A moment, to compare such a column with."""

    def rows(self, statement: sa.sql.Select[Any]) -> Iterable[Row]:
        """The rows of a SELECT that has few of them."""


def check_columns(table: str, found: Collection[str], needed: Iterable[str]) -> None:
    """Check that a table exists and has the columns that are read.

    :param found: its columns; empty if there is no such table.
    :raises TableMismatch: it lacks some, or does not exist.
    """
    if not found:
        raise TableMismatch(
            f"Table {table!r} does not exist, or the connection's user may not see it. Nothing was read. Load it "
            "first, or correct `table`."
        )
    if lacking := sorted(set(needed).difference(found)):
        raise TableMismatch(
            f"Table {table!r} lacks {', '.join(lacking)}. Nothing was read. Name a table that "
            "HvsmsMessagesToSqlOperator loads, or one with the same columns."
        )
