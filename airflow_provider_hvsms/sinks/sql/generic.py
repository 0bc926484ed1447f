"""Databases that SQLAlchemy has no dialect for: their hook gives connections, and plain SQL does the rest."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.sinks.sql.dialect import Database

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


class AnyDialect(DefaultDialect):
    """Plain SQL with `"` around names."""

    name = "any"
    supports_statement_cache = True


class Unknown(Database):
    """A database behind a hook whose URL says nothing to SQLAlchemy."""

    @classmethod
    def create_engine(cls, hook: DbApiHook, **options: Any) -> sa.engine.Engine:
        style = "qmark" if hook.placeholder == "?" else "format"
        return sa.create_engine("hvsms_any://", module=SimpleNamespace(paramstyle=style, Error=Exception), **options)

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> list[str]:
        """Found by looking. If not even this is allowed, creating the table says why."""
        try:
            return list(connection.execute(sa.select(sa.text("*")).select_from(table).where(sa.false())).keys())
        except DBAPIError:
            connection.rollback()
            return []

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, str]:
        """None are known."""
        return {}


registry.register("hvsms_any", __name__, AnyDialect.__name__)
