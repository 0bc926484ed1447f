"""Rows into a table: a staging table of the same session, then one upsert.

While pages arrive, which can take an hour of waiting for quota, no transaction stays open and the target is not
touched. At the end one short transaction creates the target if it is missing and brings it to the staged state.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import (
    CommitUnknown,
    LoadFailed,
    LoadRefused,
    TableMismatch,
)
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.sinks.schema import REJECTS, Kind, Layout, Row
from airflow_provider_hvsms.sinks.sql.column_types import column_type
from airflow_provider_hvsms.sinks.sql.dialect import SEQUENCE, Database, close_quietly, family_of
from airflow_provider_hvsms.sinks.sql.driver import KIND
from airflow_provider_hvsms.sinks.sql.proof import explaining_refusals, prove, prove_target
from airflow_provider_hvsms.sinks.sql.registry import open_database

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


@contextmanager
def open_table(hook: DbApiHook, table: str, layout: Layout[Any], *, with_rejects: bool = False) -> Iterator[SqlSink]:
    """Check the table and make ready to take rows. Left without `finish`, the table stays as it was.

    The merge is tried with no rows, so that a missing right or a column of another type shows before anything is read.

    :param hook: reaches the database.
    :param table: the table's name, or `schema.table`. Quoted by the dialect, so any other character is only a name.
    :param with_rejects: keep a second table, `<table>_rejects`, for records that could not be read.
    :raises TableMismatch: it exists with other columns or another key.
    :raises UnsuitableDatabase: the database does not do what a load relies on.
    :raises LoadRefused: the database refused a statement, and would again.
    :raises LoadFailed: the database could not carry out a statement this time.
    """
    targets = [_Target(table, layout)] + ([_Target(f"{table}_rejects", REJECTS)] if with_rejects else [])
    database = open_database(hook)
    try:
        with database.engine.connect() as connection:
            sink = SqlSink(database, connection, targets)
            try:
                sink.prepare()
                yield sink
            finally:
                sink.close()
    except CommitUnknown as unknown:
        raise LoadFailed(
            f"{_explain(table, unknown.__cause__)} This was while the load was committed, so it may have arrived or "
            "not. Run it again: it gives the same table in both cases."
        ) from None
    except DBAPIError as error:
        kind = LoadRefused if database.is_permanent(error) else LoadFailed
        raise kind(f"{_explain(table, error)} The table is as it was before.{_advice(error)}") from None


class SqlSink:
    """Stages rows, and merges them into the table at the end: all of them or none."""

    def __init__(self, database: Database, connection: sa.engine.Connection, targets: list[_Target]) -> None:
        self._database = database
        self._connection = connection
        self._targets = targets
        self._stages: list[sa.Table] = []
        self._sequence = itertools.count()

    def prepare(self) -> None:
        """Check the targets, create the staging tables, and try the merge with no rows."""
        if self._database.is_generic:
            with explaining_refusals(self._database):
                self._prepare()
        else:
            self._prepare()

    def _prepare(self) -> None:
        database, connection = self._database, self._connection
        with self._transaction():
            there = [target for target in self._targets if target.check(database, connection)]
        for target in self._targets:
            self._stages.append(target.create_stage(database, connection))
            database.check_stage(connection, self._stages[-1])
        if database.is_generic:
            self._targets[0].prove(database, connection, self._stages[0])
            for target in there:
                target.prove_itself(connection)
        for target, stage in zip(self._targets, self._stages, strict=True):
            if target in there:
                target.take(database, connection, stage, is_new=False)
                connection.rollback()

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        for stage, some in zip(self._stages, (rows, rejects), strict=False):
            if some:
                numbered = [(number, *row) for number, row in zip(self._sequence, some, strict=False)]
                self._database.stage_rows(self._connection, stage, numbered)

    def finish(self, summary: Mapping[str, Any]) -> None:
        database, connection = self._database, self._connection
        with self._transaction():
            missing = [target for target in self._targets if not database.columns(connection, target.table)]
            with database.created(connection, [target.table for target in missing]):
                for target, stage in zip(self._targets, self._stages, strict=True):
                    target.take(database, connection, stage, is_new=target in missing)

    def close(self) -> None:
        """Drop the staging tables."""
        close_quietly(self._connection, self._stages)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One lock covers the rejects too: they are always of the same load."""
        with self._database.transaction(self._connection, self._targets[0].table):
            yield


class _Target:
    """A table, and what its rows are like."""

    def __init__(self, name: str, layout: Layout[Any]) -> None:
        schema, _, own_name = name.rpartition(".")
        if not own_name.removesuffix("_rejects").strip():
            raise TableMismatch(f"table is {name!r}: give the table a name.")
        self._schema = schema or None
        self._layout = layout
        self.table = self._make_table(own_name)

    def check(self, database: Database, connection: sa.engine.Connection) -> bool:
        """Refuse a table that the rows do not fit into, or that could not be created; return whether it exists."""
        self._check_name(database)
        self.table = self._make_table(database.stored_name(connection, self.table))
        columns = database.columns(connection, self.table)
        if columns:
            self._check_columns(columns)
            self._check_types(database, connection)
            self._check_key(database, connection)
        else:
            # It shows now, and not after an hour of reading, if a schema or right is missing.
            database.check_creatable(connection, self.table)
        return bool(columns)

    def create_stage(self, database: Database, connection: sa.engine.Connection) -> sa.Table:
        stage = sa.Table(
            f"hvsms_stage_{uuid.uuid4().hex[:12]}",
            sa.MetaData(),
            sa.Column(
                SEQUENCE,
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                primary_key=database.stage_has_key,
                autoincrement=False,
                info={KIND: Kind.INTEGER},
            ),
            *_columns(self._layout, keyed=False),
            prefixes=["TEMPORARY"],
        )
        stage.create(connection)
        connection.commit()
        return stage

    def prove(self, database: Database, connection: sa.engine.Connection, stage: sa.Table) -> None:
        prove(database, connection, self._layout, self._make_table, stage)

    def prove_itself(self, connection: sa.engine.Connection) -> None:
        prove_target(connection, self._layout, self.table)

    def take(self, database: Database, connection: sa.engine.Connection, stage: sa.Table, *, is_new: bool) -> None:
        """Bring the table to the staged state."""
        statements = database.insert if is_new else database.merge
        for statement in statements(self.table, stage, self._layout):
            connection.execute(statement)

    def _make_table(self, name: str) -> sa.Table:
        return sa.Table(name, sa.MetaData(), *_columns(self._layout, keyed=True), schema=self._schema)

    def _check_name(self, database: Database) -> None:
        limit = database.name_limit
        if limit and not limit.allows(self.table.name):
            raise TableMismatch(
                f"The table name {self.table.name!r} is too long for this database: it takes {limit.length} "
                f"{limit.unit}. Nothing was written. Give the table a shorter name."
            )

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

    def _check_types(self, database: Database, connection: sa.engine.Connection) -> None:
        families = database.type_families(connection, self.table)
        for column in self._layout.columns:
            wanted, found = family_of(column.kind), families.get(column.name)
            if found not in (None, wanted):
                raise TableMismatch(
                    f"Table {self.table.fullname!r} exists with column {column.name!r} of a type for {found} values; "
                    f"it must be one for {wanted}. Nothing was written. Change it to the documented type."
                )

    def _check_key(self, database: Database, connection: sa.engine.Connection) -> None:
        problem = database.storage_problem(connection, self.table) or database.key_problem(
            connection, self.table, self._layout.key
        )
        if problem:
            raise TableMismatch(f"Table {self.table.fullname!r} exists {problem}")


def _explain(table: str, error: BaseException | None) -> str:
    # The further lines of a driver's message may hold a whole row: numbers and texts.
    cause = getattr(error, "orig", None) or error
    first_line = redact(str(cause).strip().partition("\n")[0]).removesuffix(".")
    return f"The database refused a statement for table {table!r}: {type(cause).__name__}: {first_line}."


def _advice(error: DBAPIError) -> str:
    if not _OUT_OF_RANGE.search(str(error.orig)):
        return ""
    return (
        " A number is too large for its column's type: `cost` must be NUMERIC(18, 6), and was NUMERIC(12, 6) in tables "
        "of earlier versions. Change the column to that type, and run the load again."
    )


_OUT_OF_RANGE = re.compile("out of range|numeric field overflow", re.IGNORECASE)
"""What databases say of a number that a column cannot hold."""


def _columns(layout: Layout[Any], *, keyed: bool) -> list[sa.Column[Any]]:
    keys = layout.key if keyed else ()
    return [
        sa.Column(
            column.name,
            column_type(column),
            primary_key=column.name in keys,
            nullable=column.name not in keys,
            info={KIND: column.kind},
        )
        for column in layout.columns
    ]
