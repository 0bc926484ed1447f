"""Rows into a table: a staging table of the same session, then one upsert.

While pages arrive, which can take an hour of waiting for quota, no transaction stays open and the target is not
touched. At the end one short transaction creates the target if it is missing and brings it to the staged state.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import FinalError
from airflow_provider_hvsms.api.transport import redact
from airflow_provider_hvsms.sinks.column_types import COLUMN_TYPES
from airflow_provider_hvsms.sinks.database import Database
from airflow_provider_hvsms.sinks.databases import open_database
from airflow_provider_hvsms.sinks.driver import KIND
from airflow_provider_hvsms.sinks.rows import REJECTS, Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


class TableMismatch(FinalError):
    """The target table exists, and is not one that these rows fit into."""


class LoadFailed(Exception):
    """The database refused a statement; the target is as it was."""


@contextmanager
def open_table(hook: DbApiHook, table: str, layout: Layout[Any], *, with_rejects: bool = False) -> Iterator[SqlSink]:
    """Check the table and make ready to take rows. Left without `finish`, the table stays as it was.

    :param hook: reaches the database.
    :param table: the table's name, or `schema.table`. Quoted by the dialect, so any other character is only a name.
    :param with_rejects: keep a second table, `<table>_rejects`, for records that could not be read.
    :raises TableMismatch: it exists with other columns or another key.
    :raises LoadFailed: the database refused a statement.
    """
    targets = [_Target(table, layout)] + ([_Target(f"{table}_rejects", REJECTS)] if with_rejects else [])
    try:
        database = open_database(hook)
        with database.engine.connect() as connection:
            yield SqlSink(database, connection, targets)
    except DBAPIError as error:
        raise LoadFailed(_explain(table, error)) from None


class SqlSink:
    """Stages rows, and merges them into the table at the end: all of them or none."""

    def __init__(self, database: Database, connection: sa.engine.Connection, targets: list[_Target]) -> None:
        self._database = database
        self._connection = connection
        self._targets = targets
        for target in targets:
            target.prepare(database, connection)
        self._stages = [target.create_stage(connection) for target in targets]

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        for stage, some in zip(self._stages, (rows, rejects), strict=False):
            if some:
                self._database.fill(self._connection, stage, some)

    def finish(self, summary: Mapping[str, Any]) -> None:
        database, connection = self._database, self._connection
        with database.transaction(connection, self._targets[0].table):
            missing = [target for target in self._targets if not database.columns(connection, target.table)]
            with database.created(connection, [target.table for target in missing]):
                for target, stage in zip(self._targets, self._stages, strict=True):
                    target.take(database, connection, stage, is_new=target in missing)


class _Target:
    """A table, and what its rows are like."""

    def __init__(self, name: str, layout: Layout[Any]) -> None:
        schema, _, own_name = name.rpartition(".")
        if not own_name.removesuffix("_rejects").strip():
            raise TableMismatch(f"table is {name!r}: give the table a name.")
        self.table = sa.Table(own_name, sa.MetaData(), *_columns(layout, keyed=True), schema=schema or None)
        self._layout = layout

    def prepare(self, database: Database, connection: sa.engine.Connection) -> None:
        """Refuse a table that the rows do not fit into, or that could not be created."""
        with database.transaction(connection, self.table):
            columns = database.columns(connection, self.table)
            if columns:
                self._check_columns(columns)
                self._check_key(database, connection)
            else:
                # It shows now, and not after an hour of reading, if a schema or right is missing.
                database.rehearse(connection, self.table)

    def create_stage(self, connection: sa.engine.Connection) -> sa.Table:
        stage = sa.Table(
            f"hvsms_stage_{uuid.uuid4().hex[:12]}",
            sa.MetaData(),
            *_columns(self._layout, keyed=False),
            prefixes=["TEMPORARY"],
        )
        stage.create(connection)
        connection.commit()
        return stage

    def take(self, database: Database, connection: sa.engine.Connection, stage: sa.Table, *, is_new: bool) -> None:
        """Bring the table to the staged state."""
        statements = database.insert if is_new else database.merge
        for statement in statements(self.table, stage, self._layout):
            connection.execute(statement)

    def _check_columns(self, columns: Iterable[str]) -> None:
        there, wanted = set(columns), set(self._layout.names)
        if there == wanted:
            return
        parts = [
            f"{what} {', '.join(sorted(names))}"
            for what, names in (("lacks", wanted - there), ("also has", there - wanted))
            if names
        ]
        raise TableMismatch(
            f"Table {self.table.fullname!r} exists with other columns: it {' and '.join(parts)}. "
            "Nothing was written. Name another table, or change this one to the documented columns."
        )

    def _check_key(self, database: Database, connection: sa.engine.Connection) -> None:
        complaint = database.key_complaint(connection, self.table, self._layout.key)
        if complaint:
            raise TableMismatch(f"Table {self.table.fullname!r} exists {complaint}")


def _explain(table: str, error: DBAPIError) -> str:
    # The further lines of a driver's message may hold a whole row: numbers and texts.
    cause = error.orig or error
    first_line = str(cause).strip().partition("\n")[0]
    return (
        f"The database refused a statement for table {table!r}: {type(cause).__name__}: {redact(first_line)}. "
        "The table is as it was before."
    )


def _columns(layout: Layout[Any], *, keyed: bool) -> list[sa.Column[Any]]:
    keys = layout.key if keyed else ()
    return [
        sa.Column(
            column.name,
            COLUMN_TYPES[column.kind],
            primary_key=column.name in keys,
            nullable=column.name not in keys,
            info={KIND: column.kind},
        )
        for column in layout.columns
    ]
