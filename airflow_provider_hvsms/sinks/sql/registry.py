"""The databases that a load knows more about than plain SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.duckdb import DuckDb
from airflow_provider_hvsms.sinks.sql.generic import Unknown
from airflow_provider_hvsms.sinks.sql.mysql import Mysql
from airflow_provider_hvsms.sinks.sql.postgresql import Postgresql
from airflow_provider_hvsms.sinks.sql.sqlite import Sqlite

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

DATABASES: dict[str, type[Database]] = {
    "duckdb": DuckDb,
    "mariadb": Mysql,
    "mysql": Mysql,
    "postgresql": Postgresql,
    "sqlite": Sqlite,
}
"""By the name that the hook's `dialect_name` gives. A new database is one class here."""


def open_database(hook: DbApiHook) -> Database:
    """The database behind a hook. Its connections are the hook's own, its SQL is its SQLAlchemy dialect's."""
    try:
        return _open(DATABASES.get(hook.dialect_name, Database), hook)
    except (NoSuchModuleError, ArgumentError, ImportError, NotImplementedError, AttributeError):
        # The last where a dialect does not know the installed SQLAlchemy.
        return _open(Unknown, hook)


def _open(kind: type[Database], hook: DbApiHook) -> Database:
    engine = kind.create_engine(
        hook,
        creator=lambda: kind.prepare_session(hook.get_conn()),
        poolclass=NullPool,
        hide_parameters=True,
        future=True,
    )
    return kind(engine)
