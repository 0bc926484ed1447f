"""What differs between databases: how a transaction begins, how rows are staged, how they are upserted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, registry, sqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from airflow_provider_hvsms.sinks.rows import LOADED_AT, Kind, Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


class UtcTime(sa.types.TypeDecorator[datetime]):
    """UTC with its zone where the database keeps one for sure (PostgreSQL), else UTC without."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.engine.Dialect) -> sa.types.TypeEngine[Any]:
        """MySQL drops the fractions of seconds unless it is told to keep them."""
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.engine.Dialect) -> datetime | None:
        """Drop the zone where the driver would otherwise convert to the session's."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.replace(tzinfo=None)


COLUMN_TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    # MySQL and others need a length for a key, and the four of the statuses must not be too long together.
    Kind.ID: sa.String(180).with_variant(sa.Text(), "postgresql").with_variant(sa.Text(), "sqlite"),
    Kind.TEXT: sa.Text(),
    Kind.WHOLE_NUMBER: sa.BigInteger(),
    Kind.MONEY: sa.Numeric(12, 6),
    Kind.TIME: UtcTime(),
    Kind.JSON: sa.Text(),
}


class Database:
    """Any database with a common-sql hook: rows that are there already are deleted, then all are inserted."""

    def __init__(self, engine: sa.engine.Engine) -> None:
        self.engine = engine

    def begin(self, connection: sa.engine.Connection, target: sa.Table) -> None:
        """Begin the transaction that writes to the target; of two loads at once the second waits here, if it can."""

    def fill(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        """Add rows to the staging table and commit them."""
        if rows:
            names = stage.columns.keys()
            connection.execute(stage.insert(), [dict(zip(names, row, strict=True)) for row in rows])
            connection.commit()

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> list[str]:
        """The names of the table's columns; none if it does not exist."""
        inspector = sa.inspect(connection)
        try:
            if not inspector.has_table(table.name, schema=table.schema):
                return []
            return [column["name"] for column in inspector.get_columns(table.name, schema=table.schema)]
        except NotImplementedError:
            return self._columns_by_looking(connection, table)

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]] | None:
        """The sets of columns that no two rows may share; `None` if the merge does not rely on one."""
        return None

    def merge(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        """The statements that bring the target to the staged state."""
        there = sa.and_(*(target.c[name] == stage.c[name] for name in layout.key))
        keep_values = [
            sa.update(stage)
            .where(stage.c[name].is_(None))
            .values({name: sa.select(target.c[name]).where(there).scalar_subquery()})
            for name in sorted(layout.kept)
        ]
        outdated = sa.exists().where(there, sa.or_(_is_older(stage.c, target, layout), _is_same(stage, target, layout)))
        return [
            *keep_values,
            sa.delete(stage).where(outdated),
            sa.delete(target).where(sa.exists().where(there)),
            sa.insert(target).from_select(layout.names, _newest(stage, layout)),
        ]

    @staticmethod
    def _columns_by_looking(connection: sa.engine.Connection, table: sa.Table) -> list[str]:
        """For dialects that SQLAlchemy cannot inspect. If not even this is allowed, creating the table says why."""
        try:
            return list(connection.execute(sa.select(sa.text("*")).select_from(table).where(sa.false())).keys())
        except DBAPIError:
            connection.rollback()
            return []


class _Upserting(Database):
    """A database with `INSERT … ON CONFLICT DO UPDATE`."""

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]] | None:
        inspector = sa.inspect(connection)
        where = (table.name, table.schema)
        primary = inspector.get_pk_constraint(*where)["constrained_columns"]
        unique = [constraint["column_names"] for constraint in inspector.get_unique_constraints(*where)]
        indexed = [index["column_names"] for index in inspector.get_indexes(*where) if index["unique"]]
        return [set(primary), *map(set, unique), *({name or "" for name in names} for names in indexed)]

    def merge(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        insert = self._insert(target).from_select(layout.names, _newest(stage, layout))
        merged = _merged(insert.excluded, target, layout)
        changed = [value.is_distinct_from(target.c[name]) for name, value in merged.items()]
        return [
            insert.on_conflict_do_update(
                index_elements=list(layout.key),
                set_={**merged, LOADED_AT.name: insert.excluded[LOADED_AT.name]},
                where=sa.or_(*changed),
            )
        ]

    def _insert(self, target: sa.Table) -> Any:
        raise NotImplementedError


class _Sqlite(_Upserting):
    # Staging must not lock the file for others, so the driver's own transactions are switched off.
    def __init__(self, engine: sa.engine.Engine) -> None:
        super().__init__(engine)

        @sa.event.listens_for(engine, "connect")
        def configure(connection: Any, _: object) -> None:
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MILLISECONDS}")

    def begin(self, connection: sa.engine.Connection, target: sa.Table) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def fill(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        connection.exec_driver_sql("BEGIN")
        super().fill(connection, stage, rows)
        connection.commit()

    def _insert(self, target: sa.Table) -> Any:
        return sqlite.insert(target)


class _Postgresql(_Upserting):
    def fill(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        # PostgreSQL keeps no NUL character in a text, and its drivers refuse the whole load for one.
        super().fill(connection, stage, [tuple(map(_without_nul, row)) for row in rows])

    def begin(self, connection: sa.engine.Connection, target: sa.Table) -> None:
        # Two loads that create the table, or upsert the same rows in another order, would get into each other's way.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"hvsms:{target.fullname}"))))

    def _insert(self, target: sa.Table) -> Any:
        return postgresql.insert(target)


class AnyDialect(DefaultDialect):
    """Plain SQL with `"` around names, for hooks whose database SQLAlchemy has no dialect for."""

    name = "any"
    supports_statement_cache = True


_DATABASES: dict[str, type[Database]] = {"sqlite": _Sqlite, "postgresql": _Postgresql}

# How long a load waits for another one's final transaction.
_PATIENCE_MILLISECONDS = 300_000

registry.register("hvsms_any", __name__, AnyDialect.__name__)


def open_database(hook: DbApiHook) -> Database:
    """The database behind a hook. Its connections are the hook's own, its SQL is its SQLAlchemy dialect's."""
    options = {"creator": hook.get_conn, "poolclass": NullPool, "hide_parameters": True, "future": True}
    try:
        engine = hook.get_sqlalchemy_engine(options)
    except (NoSuchModuleError, ArgumentError, ImportError, NotImplementedError):
        style = "qmark" if hook.placeholder == "?" else "format"
        engine = sa.create_engine("hvsms_any://", module=SimpleNamespace(paramstyle=style, Error=Exception), **options)
    return _DATABASES.get(engine.dialect.name, Database)(engine)


def _without_nul(value: Any) -> Any:
    return value.replace("\x00", "\ufffd") if isinstance(value, str) and "\x00" in value else value


def _newest(stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
    """One row a key, the newest: a record can come twice while pages shift under the reader."""
    order = [stage.c[layout.version].desc()] if layout.version else [stage.c[name] for name in layout.key]
    position = sa.func.row_number().over(partition_by=[stage.c[name] for name in layout.key], order_by=order)
    ranked = sa.select(*stage.c, position.label("position")).subquery()
    return sa.select(*(ranked.c[name] for name in layout.names)).where(ranked.c.position == 1)


def _merged(new: Any, old: sa.Table, layout: Layout[Any]) -> dict[str, sa.ColumnElement[Any]]:
    """What each column should hold where a row is there already: the newer state, without losing what is kept."""
    older = _is_older(new, old, layout)
    return {
        name: sa.func.coalesce(new[name], old.c[name])
        if name in layout.kept
        else sa.case((older, old.c[name]), else_=new[name])
        for name in layout.names
        if name not in (*layout.key, LOADED_AT.name)
    }


def _is_older(new: Any, old: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    return new[layout.version] < old.c[layout.version] if layout.version else sa.false()


def _is_same(stage: sa.Table, target: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(
        *(
            sa.or_(
                stage.c[name] == target.c[name],
                sa.and_(stage.c[name].is_(None), target.c[name].is_(None)),
            )
            for name in layout.names
            if name != LOADED_AT.name
        )
    )
