"""Databases without a file of their own. A check before each load shows whether they do what it relies on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.sinks.schema import Layout
from airflow_provider_hvsms.sinks.sql import capability_check
from airflow_provider_hvsms.sinks.sql.counts import count_rows, has_same_key
from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.existing_columns import ExistingColumn
from airflow_provider_hvsms.sinks.sql.merge import is_older, is_unchanged, staged_rows
from airflow_provider_hvsms.sinks.sql.schema_change import add_columns
from airflow_provider_hvsms.sinks.sql.sql_types import PLAIN_SQL, TypeFamily

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


class GenericDatabase(Database):
    """A database with a SQLAlchemy dialect, used with plain SQL."""

    def _may_be_lost(self, error: DBAPIError) -> bool:
        """Always: how the driver reports a lost connection is not known."""
        return True

    def explaining_refusals(self) -> AbstractContextManager[None]:
        return capability_check.explaining_refusals(self)

    def check_capabilities(
        self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
    ) -> None:
        capability_check.check_capabilities(self, connection, target, stage, layout)

    @contextmanager
    def extended(self, connection: sa.engine.Connection, target: sa.Table, names: Sequence[str]) -> Iterator[None]:
        """Where a rollback does not remove an added column, it stays: empty, and there for the next load."""
        found = self.columns(connection, target) if names else {}
        add_columns(connection, target, [name for name in names if name not in found])
        yield

    def try_merge(
        self,
        connection: sa.engine.Connection,
        target: sa.Table,
        stage: sa.Table,
        layout: Layout[Any],
        lacking: Sequence[str],
    ) -> None:
        """Insert a test row too, because the catalogue cannot be relied on."""
        with self.trial(connection, target, lacking) as table:
            capability_check.check_by_insert(connection, table, layout)
        super().try_merge(connection, target, stage, layout, lacking)

    def index_stage(self, connection: sa.engine.Connection, stage: sa.Table, layout: Layout[Any]) -> None:
        try:
            sa.Index(f"{stage.name}_key", *(stage.c[name] for name in layout.key)).create(connection)
            connection.commit()
        except DBAPIError:  # it has no indexes, or none of temporary tables
            connection.rollback()

    def _merge(self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> int:
        """Update existing rows and insert the others, so that columns of the table's user keep their values."""
        same_key = has_same_key(target, stage, layout)
        for name in sorted(layout.kept):
            existing = sa.select(target.c[name]).where(same_key).scalar_subquery()
            connection.execute(sa.update(stage).where(stage.c[name].is_(None)).values({name: existing}))
        is_outdated = sa.or_(is_older(stage.c, target, layout), is_unchanged(stage, target, layout))
        connection.execute(sa.delete(stage).where(sa.exists().where(same_key, is_outdated)))
        values = {
            name: sa.select(stage.c[name]).where(same_key).scalar_subquery()
            for name in layout.names
            if name not in layout.key
        }
        connection.execute(sa.update(target).where(sa.exists().where(same_key)).values(values))
        new = staged_rows(stage, layout).where(~sa.exists().where(same_key))
        connection.execute(sa.insert(target).from_select(layout.names, new))
        return count_rows(connection, stage)


class PlainSqlDialect(DefaultDialect):
    """SQLAlchemy's default dialect: standard SQL, with `"` around names."""

    name = PLAIN_SQL
    supports_statement_cache = True


class DatabaseWithoutDialect(GenericDatabase):
    """A database whose hook has no URL that SQLAlchemy knows."""

    @classmethod
    def create_engine(cls, hook: DbApiHook, **options: Any) -> sa.engine.Engine:
        style = "qmark" if hook.placeholder == "?" else "format"
        return sa.create_engine("hvsms_any://", module=SimpleNamespace(paramstyle=style, Error=Exception), **options)

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> dict[str, ExistingColumn]:
        """Found by a query. If it fails, for whatever reason, the error of creating the table explains it.

        Whether a column accepts null is not known: the check with a test row shows it.
        """
        try:
            names = connection.execute(sa.select(sa.text("*")).select_from(table).where(sa.false())).keys()
        except DBAPIError:
            connection.rollback()
            return {}
        return dict.fromkeys(names, ExistingColumn(is_nullable=True, is_filled=False))

    def sample(
        self, connection: sa.engine.Connection, columns: Sequence[sa.Column[Any]], count: int, *, not_null: bool
    ) -> Sequence[Sequence[Any]]:
        """With `LIMIT`, which most databases know. The drivers of the others fetch rows as they are asked for."""
        select = self._select(columns, not_null=not_null)
        try:
            return connection.execute(select.limit(sa.literal_column(str(count)))).all()
        except DBAPIError:
            connection.rollback()
        with closing(connection.execute(select)) as found:
            return found.fetchmany(count)

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, TypeFamily]:
        """Empty: plain SQL has no way to find types."""
        return {}


registry.register("hvsms_any", __name__, PlainSqlDialect.__name__)
