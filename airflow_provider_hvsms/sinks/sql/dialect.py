"""The base of all databases: what a load needs from a database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, NotSupportedError, ProgrammingError

from airflow_provider_hvsms.api.errors import CommitUnknown
from airflow_provider_hvsms.sinks.schema import Changes, ColumnType, Layout, Row
from airflow_provider_hvsms.sinks.sql.counts import count_existing, count_rows_and_keys
from airflow_provider_hvsms.sinks.sql.existing_columns import ExistingColumn, inspect_columns
from airflow_provider_hvsms.sinks.sql.merge import staged_rows
from airflow_provider_hvsms.sinks.sql.schema_change import add_columns
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
    """A database behind a common-sql hook.

    A subclass says how rows are merged, overrides what its database does faster or differently, and is listed in
    `registry.DATABASES`.
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

    @contextmanager
    def extended(self, connection: sa.engine.Connection, target: sa.Table, names: Sequence[str]) -> Iterator[None]:
        """Add missing columns to the target in the open transaction. A failed load removes them again."""
        add_columns(connection, target, names)
        yield

    @contextmanager
    def trial(self, connection: sa.engine.Connection, target: sa.Table, names: Sequence[str]) -> Iterator[sa.Table]:
        """A transaction that is rolled back, with the table to try a merge with.

        :param names: the columns that the target lacks, which this table has.
        """
        if not names:
            yield target
            connection.rollback()
            return
        with self.transaction(connection, target), self.extended(connection, target, names):
            yield target
            connection.rollback()

    def try_merge(
        self,
        connection: sa.engine.Connection,
        target: sa.Table,
        stage: sa.Table,
        layout: Layout[Any],
        lacking: Sequence[str],
    ) -> None:
        """Merge an empty staging table into an existing target, so that a missing right or another type shows.

        :param lacking: columns that the target lacks, which are added for it.
        """
        with self.trial(connection, target, lacking) as table:
            self.merge(connection, table, stage, layout)

    def index_stage(self, connection: sa.engine.Connection, stage: sa.Table, layout: Layout[Any]) -> None:
        """Index the key of the staging table, which was just committed, if a merge needs it to be fast."""

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

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, ExistingColumn]:
        """The table's columns by name; empty if it does not exist."""
        return inspect_columns(connection, table)

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, TypeFamily]:
        """What columns of an existing table can hold, by name; without those of unknown types."""
        families: dict[str, TypeFamily] = {}
        for column in sa.inspect(connection).get_columns(table.name, schema=table.schema):
            if column["name"] not in table.columns:
                continue
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

    def sample(
        self, connection: sa.engine.Connection, columns: Sequence[sa.Column[Any]], count: int, *, not_null: bool
    ) -> Sequence[Sequence[Any]]:
        """The values of some columns in any rows, without reading the whole table.

        :param count: the most rows.
        :param not_null: only rows in which one of the columns is not null, of which the first one may have to be found.
        """
        return connection.execute(self._select(columns, not_null=not_null).limit(count)).all()

    def _select(self, columns: Sequence[sa.Column[Any]], *, not_null: bool) -> sa.sql.Select[Any]:
        selected: sa.sql.Select[Any] = sa.select(*columns)
        return selected.where(sa.or_(*(column.is_not(None) for column in columns))) if not_null else selected

    def find_key(
        self,
        connection: sa.engine.Connection,
        target: sa.Table,
        layout: Layout[Any],
        columns: Mapping[str, ExistingColumn],
    ) -> tuple[str, ...]:
        """The unique key of the existing target by which rows are merged: the layout's, or a larger one.

        :param columns: those of the target.
        :raises TableMismatch: rows cannot be merged by a key of it.
        """
        return layout.key

    def insert(
        self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
    ) -> Changes:
        """Bring the staged rows into a target that was just created. It may change the staging table."""
        records = self.count_records(connection, stage, layout)
        connection.execute(sa.insert(target).from_select(layout.names, staged_rows(stage, layout)))
        return Changes(inserted=records, updated=0, unchanged=0)

    def merge(
        self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
    ) -> Changes:
        """Merge the staged rows into an existing target. It may change the staging table.

        :param layout: its key is a unique key of the target.
        """
        records = self.count_records(connection, stage, layout)
        inserted = records - count_existing(connection, target, stage, layout)
        changed = self._merge(connection, target, stage, layout)
        return Changes(inserted=inserted, updated=changed - inserted, unchanged=records - changed)

    def _merge(self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> int:
        """Merge staged rows, one for each record, and return how many rows were inserted or updated."""
        raise NotImplementedError

    def count_records(self, connection: sa.engine.Connection, stage: sa.Table, layout: Layout[Any]) -> int:
        """Leave one staged row for each record, which can be read twice because pages shift, and count them."""
        key = [self._sort_key(stage.c[name]) for name in layout.key]
        rows, records = count_rows_and_keys(connection, stage, key)
        if records < rows:
            self._remove_superseded(connection, stage, layout)
        return records

    def _remove_superseded(self, connection: sa.engine.Connection, stage: sa.Table, layout: Layout[Any]) -> None:
        superseded = self._superseded(stage, layout).subquery()
        connection.execute(sa.delete(stage).where(stage.c[SEQUENCE].in_(sa.select(superseded.c[SEQUENCE]))))

    def _superseded(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        """The numbers of all but one of each record's rows: the newest one, and of equally new ones the last."""
        order: list[sa.ColumnElement[Any]] = [stage.c[SEQUENCE].desc()]
        if layout.version:
            version = stage.c[layout.version]
            order = [sa.case((version.is_(None), 1), else_=0), version.desc(), *order]
        key = [self._sort_key(stage.c[name]) for name in layout.key]
        position = sa.func.row_number().over(partition_by=key, order_by=order)
        ranked = sa.select(stage.c[SEQUENCE], position.label("position")).subquery()
        return sa.select(ranked.c[SEQUENCE]).where(ranked.c.position > 1)

    def _sort_key(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """The column, in the order that is fastest to sort by."""
        return column

    def begin_reading(self, connection: sa.engine.Connection) -> None:
        """Begin a transaction that only reads; where a database can, all of it sees the same state."""

    def utc_day(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """The day in UTC of a timestamp, as a date or as a text `YYYY-MM-DD`."""
        return sa.cast(column, sa.Date())
