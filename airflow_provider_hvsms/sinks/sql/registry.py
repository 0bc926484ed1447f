"""The list of supported databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.duckdb import DuckDbDatabase
from airflow_provider_hvsms.sinks.sql.generic import DatabaseWithoutDialect, GenericDatabase
from airflow_provider_hvsms.sinks.sql.mysql import MySqlDatabase
from airflow_provider_hvsms.sinks.sql.postgresql import PostgresqlDatabase
from airflow_provider_hvsms.sinks.sql.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

DATABASES: dict[str, type[Database]] = {
    "duckdb": DuckDbDatabase,
    "mariadb": MySqlDatabase,
    "mysql": MySqlDatabase,
    "postgresql": PostgresqlDatabase,
    "sqlite": SqliteDatabase,
}
"""By the `dialect_name` of the hook. Any other database is a `GenericDatabase`."""


def open_database(hook: DbApiHook) -> Database:
    """The database behind a hook. Its connections come from the hook, its SQL from the SQLAlchemy dialect."""
    try:
        return _open(DATABASES.get(hook.dialect_name, GenericDatabase), hook)
    except (NoSuchModuleError, ArgumentError, ImportError, NotImplementedError, AttributeError):
        # `AttributeError`: the dialect does not support the installed SQLAlchemy.
        return _open(DatabaseWithoutDialect, hook)


def _open(database: type[Database], hook: DbApiHook) -> Database:
    engine = database.create_engine(
        hook,
        creator=lambda: database.prepare_session(hook.get_conn()),
        poolclass=NullPool,
        hide_parameters=True,
        future=True,
    )
    return database(engine)
