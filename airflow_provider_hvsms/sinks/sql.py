"""Rows into a table: a staging table of the same session, then one upsert.

While pages arrive, which can take an hour of waiting for quota, no transaction stays open and the target is not
touched. At the end one short transaction creates the target if it is missing and brings it to the staged state.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import FinalError
from airflow_provider_hvsms.sinks.databases import COLUMN_TYPES, Database, open_database
from airflow_provider_hvsms.sinks.rows import Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


class TableMismatch(FinalError):
    """The target table exists, and is not one that these rows fit into."""


class LoadFailed(Exception):
    """The database refused a statement; the target is as it was."""


class SqlTable:
    """A table that rows of one layout are loaded into.

    :param hook: reaches the database.
    :param table: the table's name, or `schema.table`. Quoted by the dialect, so any other character is only a name.
    :param layout: columns and key.
    """

    def __init__(self, hook: DbApiHook, table: str, layout: Layout[Any]) -> None:
        schema, _, name = table.rpartition(".")
        if not name.strip():
            raise TableMismatch(f"table is {table!r}: give the table a name.")
        self._hook = hook
        self._layout = layout
        self._target = sa.Table(name, sa.MetaData(), *_columns(layout, keyed=True), schema=schema or None)

    def load(self, batches: Iterable[Sequence[Row]]) -> int:
        """Bring the table to the state of these rows, all of them or none; return how many there were.

        The table is checked before the first batch is asked for.

        :raises TableMismatch: it exists with other columns or another key.
        :raises LoadFailed: the database refused a statement.
        """
        try:
            database = open_database(self._hook)
            with database.engine.connect() as connection:
                self._prepare(database, connection)
                stage = self._create_stage(connection)
                count = 0
                for rows in batches:
                    database.fill(connection, stage, rows)
                    count += len(rows)
                self._merge(database, connection, stage)
        except DBAPIError as error:
            raise LoadFailed(self._explain(error)) from None
        return count

    def _prepare(self, database: Database, connection: sa.engine.Connection) -> None:
        columns = database.columns(connection, self._target)
        if columns:
            self._check_columns(columns)
            self._check_key(database, connection)
            connection.rollback()
            return
        connection.rollback()
        # Tried and taken back, so that a missing schema or right shows now and not after an hour of reading.
        database.begin(connection, self._target)
        self._target.create(connection)
        connection.rollback()

    def _check_columns(self, columns: Iterable[str]) -> None:
        there, wanted = set(columns), {column.name for column in self._layout.columns}
        if there == wanted:
            return
        parts = [
            f"{what} {', '.join(sorted(names))}"
            for what, names in (("lacks", wanted - there), ("also has", there - wanted))
            if names
        ]
        raise TableMismatch(
            f"Table {self._target.fullname!r} exists with other columns: it {' and '.join(parts)}. "
            "Nothing was written. Name another table, or change this one to the documented columns."
        )

    def _check_key(self, database: Database, connection: sa.engine.Connection) -> None:
        keys = database.unique_keys(connection, self._target)
        if keys is not None and set(self._layout.key) not in keys:
            raise TableMismatch(
                f"Table {self._target.fullname!r} exists without a primary key or unique constraint on "
                f"({', '.join(self._layout.key)}), by which rows are upserted. Nothing was written. Add one."
            )

    def _create_stage(self, connection: sa.engine.Connection) -> sa.Table:
        stage = sa.Table(
            f"hvsms_stage_{uuid.uuid4().hex[:12]}",
            sa.MetaData(),
            *_columns(self._layout, keyed=False),
            prefixes=["TEMPORARY"],
        )
        stage.create(connection)
        connection.commit()
        return stage

    def _merge(self, database: Database, connection: sa.engine.Connection, stage: sa.Table) -> None:
        database.begin(connection, self._target)
        if not database.columns(connection, self._target):
            self._target.create(connection)
        for statement in database.merge(self._target, stage, self._layout):
            connection.execute(statement)
        connection.commit()

    def _explain(self, error: DBAPIError) -> str:
        # The further lines of a driver's message may hold a whole row: numbers and texts.
        cause = error.orig or error
        first_line = str(cause).strip().partition("\n")[0]
        return (
            f"The database refused a statement for table {self._target.fullname!r}: "
            f"{type(cause).__name__}: {first_line}. The table is as it was before."
        )


def _columns(layout: Layout[Any], *, keyed: bool) -> list[sa.Column[Any]]:
    keys = layout.key if keyed else ()
    return [
        sa.Column(
            column.name, COLUMN_TYPES[column.kind], primary_key=column.name in keys, nullable=column.name not in keys
        )
        for column in layout.columns
    ]
