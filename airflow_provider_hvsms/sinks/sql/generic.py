"""Databases without a file of their own. A check before each load shows whether they do what it relies on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.sinks.schema import Layout
from airflow_provider_hvsms.sinks.sql import capability_check
from airflow_provider_hvsms.sinks.sql.dialect import Database
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

    def check_by_insert(self, connection: sa.engine.Connection, target: sa.Table, layout: Layout[Any]) -> None:
        capability_check.check_by_insert(connection, target, layout)


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

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> list[str]:
        """Found by a query. If it fails, for whatever reason, the error of creating the table explains it."""
        try:
            return list(connection.execute(sa.select(sa.text("*")).select_from(table).where(sa.false())).keys())
        except DBAPIError:
            connection.rollback()
            return []

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, TypeFamily]:
        """Empty: plain SQL has no way to find types."""
        return {}


registry.register("hvsms_any", __name__, PlainSqlDialect.__name__)
