"""Loads rows into a table by way of a staging table of the same database session.

While pages arrive, which can take an hour of waiting for quota, no transaction is open and the target is not touched.
At the end, one short transaction creates the target if it is missing and merges the staged rows into it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import CommitUnknown, LoadFailed, LoadRefused
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.sinks.schema import REJECTS, Changes, Layout, OnSchemaChange, Row
from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.registry import open_database
from airflow_provider_hvsms.sinks.sql.target import Target

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


@contextmanager
def open_table(
    hook: DbApiHook,
    table: str,
    layout: Layout[Any],
    *,
    with_rejects: bool = False,
    on_schema_change: OnSchemaChange | str = "add",
) -> Iterator[SqlSink]:
    """Check the table and prepare to take rows. If the block ends without `finish`, the table does not change.

    A merge of no rows is tried first, so that a missing right or a column of another type shows before anything is
    read.

    :param hook: gives connections to the database.
    :param table: the table's name, or `schema.table`. It is quoted, so any other character is part of the name.
    :param with_rejects: keep a second table, `<table>_rejects`, for records that could not be read.
    :param on_schema_change: `add` columns that the table lacks when the rows are merged, or `fail` at once.
    :raises TableMismatch: the table exists with other columns, types or keys, or rows of another `personal_data`.
    :raises UnsuitableDatabase: the database does not do what a load relies on.
    :raises LoadRefused: the database refused a statement, and would refuse it again.
    :raises LoadFailed: a statement failed for a reason that can pass.
    """
    layouts = {table: layout, **({f"{table}_rejects": REJECTS} if with_rejects else {})}
    database = open_database(hook)
    try:
        with database.engine.connect() as connection:
            targets = [Target(database, connection, name, one, on_schema_change) for name, one in layouts.items()]
            sink = SqlSink(database, connection, targets)
            try:
                sink.prepare()
                yield sink
            finally:
                sink.close()
    except CommitUnknown as unknown:
        raise LoadFailed(
            f"{_describe(table, unknown.__cause__)} The load was being committed, so its rows may or may not have been "
            "written. Run it again: the table will be the same in both cases."
        ) from None
    except DBAPIError as error:
        raise failed_statement(database, table, error) from None


class SqlSink:
    """Stages rows and merges them into the target at the end: all of them or none.

    :param targets: the table, and the one of its rejects if there is one.
    """

    def __init__(self, database: Database, connection: sa.engine.Connection, targets: Sequence[Target]) -> None:
        self._database = database
        self._connection = connection
        self._targets = targets
        self._stages: list[sa.Table] = []
        self._sequence = itertools.count()

    def prepare(self) -> None:
        """Check the targets, create the staging tables, and try a merge of no rows."""
        with self._database.explaining_refusals():
            with self._transaction():
                for target in self._targets:
                    target.check()
            for target in self._targets:
                self._stages.append(target.create_stage())
                self._database.check_session(self._connection, self._stages[-1])
            self._targets[0].check_capabilities(self._stages[0])
            for target, stage in zip(self._targets, self._stages, strict=True):
                if target.exists:
                    target.try_merge(stage)

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        for stage, some in zip(self._stages, (rows, rejects), strict=False):
            if some:
                numbered = [(number, *row) for number, row in zip(self._sequence, some, strict=False)]
                self._database.stage_rows(self._connection, stage, numbered)

    def finish(self, summary: Mapping[str, Any]) -> Changes:
        with self._transaction(), ExitStack() as stack:
            missing = [target.table for target in self._targets if not target.inspect()]
            for target in self._targets:
                # Another load may have filled the table since it was checked.
                target.check_personal_data()
            stack.enter_context(self._database.created(self._connection, missing))
            for target in self._targets:
                stack.enter_context(target.extended())
            changes = [target.take(stage) for target, stage in zip(self._targets, self._stages, strict=True)]
        return changes[0]

    def close(self) -> None:
        """Drop the staging tables. If the connection is lost, they are gone with their database session."""
        if self._connection.invalidated:
            return
        with suppress(DBAPIError):
            self._connection.rollback()
            for stage in self._stages:
                stage.drop(self._connection)
            self._connection.commit()

    def _transaction(self) -> AbstractContextManager[None]:
        """One lock is enough: a table of rejects belongs to one target."""
        return self._database.transaction(self._connection, self._targets[0].table)


def failed_statement(database: Database, table: str, error: DBAPIError) -> LoadRefused | LoadFailed:
    """The error of this package for a statement that failed and changed nothing."""
    error_type = LoadRefused if database.is_permanent(error) else LoadFailed
    return error_type(f"{_describe(table, error)} The table was not changed.{_advice(error)}")


def _describe(table: str, error: BaseException | None) -> str:
    # Further lines of a driver's message may hold a whole row, with phone numbers and text.
    cause = getattr(error, "orig", None) or error
    first_line = redact(str(cause).strip().partition("\n")[0]).removesuffix(".")
    return f"A statement for table {table!r} failed: {type(cause).__name__}: {first_line}."


def _advice(error: DBAPIError) -> str:
    message = str(error.orig)
    if _NO_PARTITION.search(message):
        return " Create the partition, or one for all other rows, and run the load again."
    if not _OUT_OF_RANGE.search(message):
        return ""
    return (
        " A number is too large for its column: `cost` must be NUMERIC(18, 6), and is NUMERIC(12, 6) in tables that an "
        "earlier version created. Change the column's type and run the load again."
    )


_NO_PARTITION = re.compile("no partition", re.IGNORECASE)
"""In the messages of databases about a row for which a partitioned table has no place."""

_OUT_OF_RANGE = re.compile("out of range|numeric field overflow", re.IGNORECASE)
"""In the messages of databases about a number that a column cannot hold."""
