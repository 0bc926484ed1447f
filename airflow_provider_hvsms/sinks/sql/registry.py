"""The list of supported databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from airflow_provider_hvsms.api.errors import UnsuitableDatabase
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


LOADERS = {
    "RedshiftSQLHook": (
        "Redshift has neither COPY FROM STDIN nor ON CONFLICT. Load the files with "
        'S3ToRedshiftOperator(method="UPSERT"), as dags_examples/hvsms_redshift.py does.'
    ),
    "DatabricksSqlHook": (
        "Databricks has no temporary tables of a session and does not enforce keys. Load the files with "
        "DatabricksCopyIntoOperator and a MERGE, as dags_examples/hvsms_databricks.py does."
    ),
}
"""By the name of the hook's class: why a warehouse is not loaded by statements, and what loads it from files."""


def open_database(hook: DbApiHook) -> Database:
    """The database behind a hook. Its connections come from the hook, its SQL from the SQLAlchemy dialect.

    :raises UnsuitableDatabase: it is loaded from files, by a loader of its own.
    """
    _refuse_loaded_from_files(hook)
    return _open_with_dialect(hook)


def open_readable_database(hook: DbApiHook) -> Database:
    """The database behind a hook, for queries of its user: also of those that are loaded from files."""
    is_loaded_from_files = any(one.__name__ in LOADERS for one in type(hook).__mro__)
    return _open(DatabaseWithoutDialect, hook) if is_loaded_from_files else _open_with_dialect(hook)


def _open_with_dialect(hook: DbApiHook) -> Database:
    try:
        return _open(DATABASES.get(hook.dialect_name, GenericDatabase), hook)
    except (NoSuchModuleError, ArgumentError, ImportError, NotImplementedError, AttributeError):
        # `AttributeError`: the dialect does not support the installed SQLAlchemy.
        return _open(DatabaseWithoutDialect, hook)


def _refuse_loaded_from_files(hook: DbApiHook) -> None:
    for name in (one.__name__ for one in type(hook).__mro__):
        if name in LOADERS:
            raise UnsuitableDatabase(
                f"A {name} cannot be loaded directly. Nothing was read or written. Write to object storage, for "
                f"example with HvsmsMessagesToObjectStorageOperator. {LOADERS[name]}"
            )


def _open(database: type[Database], hook: DbApiHook) -> Database:
    engine = database.create_engine(
        hook,
        creator=lambda: database.prepare_session(hook.get_conn()),
        poolclass=NullPool,
        hide_parameters=True,
        future=True,
    )
    return database(engine)
