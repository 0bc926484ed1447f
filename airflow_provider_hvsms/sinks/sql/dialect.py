"""The base of all databases: what a load needs from a database, in plain SQL."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, NotSupportedError, ProgrammingError

from airflow_provider_hvsms.api.errors import CommitUnknown, TableMismatch
from airflow_provider_hvsms.sinks.schema import ColumnType, Layout, Row
from airflow_provider_hvsms.sinks.sql.merge import is_older, is_unchanged
from airflow_provider_hvsms.sinks.sql.sql_types import DECIMAL_PLACES, TypeFamily, family_of, rounded_family
from airflow_provider_hvsms.sinks.sql.tables import SEQUENCE, type_of

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

MAX_LOCK_WAIT = 300
"""Seconds that a load waits for the final transaction of another load."""


@dataclasses.dataclass(frozen=True)
class NameLimit:
    """The maximum length of a table's name; `bytes` are those of its UTF-8."""

    length: int
    unit: Literal["bytes", "characters"]

    def allows(self, name: str) -> bool:
        return len(name.encode() if self.unit == "bytes" else name) <= self.length


class Database:
    """A database behind a common-sql hook. A merge deletes existing rows and inserts them again.

    A subclass overrides what its database does faster or differently, and is listed in `registry.DATABASES`.
    """

    name_limit: NameLimit | None = None
    """The limit of a table's name; `None` if it is not known."""

    stage_has_key = False
    """Whether a staging table gets a primary key, which some servers require of every table."""

    def __init__(self, engine: sa.engine.Engine) -> None:
        self.engine = engine

    @classmethod
    def create_engine(cls, hook: DbApiHook, **options: Any) -> sa.engine.Engine:
        """The SQLAlchemy engine of the hook. Its connections come from the hook, by way of the options."""
        engine: sa.engine.Engine = hook.get_sqlalchemy_engine(options)
        return engine

    @staticmethod
    def prepare_session(dbapi_connection: Any) -> Any:
        """Replace those settings of a new connection that a load cannot work with."""
        return dbapi_connection

    def is_permanent(self, error: DBAPIError) -> bool:
        """Whether the database would refuse the same statement again."""
        return isinstance(error, ProgrammingError | DataError | NotSupportedError)

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        """A transaction that writes to the target. A subclass makes concurrent loads wait here for each other.

        :raises CommitUnknown: the commit failed, possibly because the connection was lost.
        """
        try:
            yield
            self._commit(connection)
        finally:
            connection.rollback()

    def _commit(self, connection: sa.engine.Connection) -> None:
        try:
            connection.commit()
        except DBAPIError as error:
            if self._may_be_lost(error):
                raise CommitUnknown from error
            raise

    def _may_be_lost(self, error: DBAPIError) -> bool:
        """Whether the error may mean that the connection is lost."""
        return error.connection_invalidated

    def explaining_refusals(self) -> AbstractContextManager[None]:
        """Explain what the database refuses while a load is prepared, where its own errors do not."""
        return nullcontext()

    def check_capabilities(
        self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
    ) -> None:
        """Check that the database does what a load relies on, if that is not known of it.

        :param stage: an empty staging table, which is left empty.
        :raises UnsuitableDatabase: it does not.
        """

    def check_by_insert(self, connection: sa.engine.Connection, target: sa.Table, layout: Layout[Any]) -> None:
        """Check an existing target with a test row, which is rolled back, if the catalogue cannot be relied on.

        :raises UnsuitableDatabase: the table accepts a duplicate key, changes a value or does not roll back.
        """

    def check_creatable(self, connection: sa.engine.Connection, target: sa.Table) -> None:
        """Check that the missing target can be created, and leave none behind."""
        target.create(connection)
        target.drop(connection)

    @contextmanager
    def created(self, connection: sa.engine.Connection, targets: Sequence[sa.Table]) -> Iterator[None]:
        """Create the missing targets in the open transaction. A failed load removes them again."""
        for target in targets:
            target.create(connection)
        yield

    def check_session(self, connection: sa.engine.Connection, stage: sa.Table) -> None:
        """Refuse a database session that would lose the staging table, which was just committed."""

    def stage_rows(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        """Add numbered rows, at least one, to the staging table and commit them."""
        names = stage.columns.keys()
        connection.execute(stage.insert(), [dict(zip(names, row, strict=True)) for row in rows])
        connection.commit()

    def stored_name(self, connection: sa.engine.Connection, table: sa.Table) -> str:
        """The table's name as the database spells it, if the table exists."""
        return table.name

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> list[str]:
        """The names of the table's columns; empty if it does not exist."""
        inspector = sa.inspect(connection)
        if not inspector.has_table(table.name, schema=table.schema):
            return []
        return [column["name"] for column in inspector.get_columns(table.name, schema=table.schema)]

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, TypeFamily]:
        """What the columns of an existing table can hold, by name; without columns of unknown types."""
        families: dict[str, TypeFamily] = {}
        for column in sa.inspect(connection).get_columns(table.name, schema=table.schema):
            column_type = type_of(table.columns[column["name"]])
            family = family_of(column["type"])
            decimal_places = self._decimal_places(column["type"], column_type)
            if decimal_places is not None and decimal_places < DECIMAL_PLACES:
                family = rounded_family(column_type)
            if family:
                families[column["name"]] = family
        return families

    def _decimal_places(self, found: sa.types.TypeEngine[Any], column_type: ColumnType) -> int | None:
        """The decimal places of a cost or a second that a type keeps; `None` if all, or if it is not known."""
        if column_type is ColumnType.DECIMAL and isinstance(found, sa.Integer | sa.Numeric):
            return 0 if isinstance(found, sa.Integer) else found.scale
        return None

    def check_target(self, connection: sa.engine.Connection, target: sa.Table, key: Sequence[str]) -> None:
        """Check that rows can be merged into the existing target by `key`.

        :raises TableMismatch: they cannot.
        """

    def insert_statements(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> Sequence[sa.sql.Executable]:
        """The statements that bring the staged rows into a target that was just created."""
        return [sa.insert(target).from_select(layout.names, self._newest_rows(stage, layout))]

    def merge_statements(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> Sequence[sa.sql.Executable]:
        """The statements that merge the staged rows into an existing target. They may change the staging table."""
        has_same_key = sa.and_(*(target.c[name] == stage.c[name] for name in layout.key))
        ranked = sa.select(self._ranked_rows(stage, layout).subquery()).subquery()
        superseded = sa.select(ranked.c[SEQUENCE]).where(ranked.c.position > 1)
        keep_values = [
            sa.update(stage)
            .where(stage.c[name].is_(None))
            .values({name: sa.select(target.c[name]).where(has_same_key).scalar_subquery()})
            for name in sorted(layout.kept)
        ]
        is_outdated = sa.or_(is_older(stage.c, target, layout), is_unchanged(stage, target, layout))
        return [
            sa.delete(stage).where(stage.c[SEQUENCE].in_(superseded)),
            *keep_values,
            sa.delete(stage).where(sa.exists().where(has_same_key, is_outdated)),
            sa.delete(target).where(sa.exists().where(has_same_key)),
            *self.insert_statements(target, stage, layout),
        ]

    def _newest_rows(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        """One row for each key: a record can occur twice, because pages shift while they are read."""
        ranked = self._ranked_rows(stage, layout).subquery()
        return sa.select(*(ranked.c[name] for name in layout.names)).where(ranked.c.position == 1)

    def _ranked_rows(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        """The staged rows, numbered within each key: newest first, and of equally new ones the last that was read."""
        key = [self._sort_key(stage.c[name]) for name in layout.key]
        order: list[sa.ColumnElement[Any]] = [stage.c[SEQUENCE].desc()]
        if layout.version:
            version = stage.c[layout.version]
            order = [sa.case((version.is_(None), 1), else_=0), version.desc(), *order]
        position = sa.func.row_number().over(partition_by=key, order_by=order)
        return sa.select(*stage.c, position.label("position"))

    def _sort_key(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """The column, in the order that is fastest to sort by."""
        return column


def table_mismatch(target: sa.Table, problem: str, remedy: str) -> TableMismatch:
    """The error of an existing table that the rows do not fit into.

    :param problem: continues "Table … exists, but ".
    """
    return TableMismatch(f"Table {target.fullname!r} exists, but {problem}. Nothing was written. {remedy}")


def missing_key(target: sa.Table, key: Sequence[str]) -> TableMismatch:
    """The error of an existing table without the unique key that an upsert needs."""
    problem = f"has no primary key or unique constraint on ({', '.join(key)}), which an upsert needs"
    return table_mismatch(target, problem, "Add one.")
