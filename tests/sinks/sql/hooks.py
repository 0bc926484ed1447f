"""Hooks of other databases and drivers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.sqlite.hooks.sqlite import SqliteHook


class UnknownDatabaseHook(SqliteHook):
    """SQLite behind a hook whose URL SQLAlchemy does not know."""

    conn_type = "acme"

    def __init__(self, path: Path) -> None:
        super().__init__(sqlite_conn_id="warehouse")
        self._path = path

    def get_conn(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)

    def get_uri(self) -> str:
        return "acme://somewhere"

    @property
    def placeholder(self) -> str:
        return "?"


class UnknownPostgresHook(PostgresHook):
    """PostgreSQL behind a hook whose URL SQLAlchemy does not know, as for an unknown database."""

    conn_type = "acme"

    def __init__(self, *, autocommit: bool = False) -> None:
        super().__init__(postgres_conn_id="warehouse")
        self._autocommit = autocommit

    @property
    def dialect_name(self) -> str:
        return "acme"

    def get_sqlalchemy_engine(self, engine_kwargs: Any = None) -> Any:
        raise NotImplementedError

    def get_conn(self) -> Any:
        fields = self.get_connection("warehouse")
        connection = psycopg2.connect(host=fields.host, user=fields.login, dbname=fields.schema)
        connection.autocommit = self._autocommit
        return connection


class ChangedStatements:
    """A connection or cursor of a driver that changes each statement before it is executed."""

    def __init__(self, inner: Any, change: Callable[[str], str]) -> None:
        self._inner = inner
        self._change = change

    def cursor(self) -> ChangedStatements:
        return ChangedStatements(self._inner.cursor(), self._change)

    def execute(self, statement: str, *parameters: Any) -> Any:
        return self._inner.execute(self._change(statement), *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class ChangedStatementsHook(UnknownPostgresHook):
    """A database that executes changed statements."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self._change = change

    def get_conn(self) -> Any:
        return ChangedStatements(super().get_conn(), self._change)


def unknown_mysql_hook() -> DbApiHook:
    """MySQL behind a hook whose URL SQLAlchemy does not know."""
    from airflow.providers.mysql.hooks.mysql import MySqlHook

    class UnknownMySqlHook(MySqlHook):
        dialect_name = "acme"

        def get_sqlalchemy_engine(self, engine_kwargs: Any = None) -> Any:
            raise NotImplementedError

        def get_conn(self) -> Any:
            connection: Any = super().get_conn()
            connection.cursor().execute("SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'")
            return connection

    return UnknownMySqlHook(mysql_conn_id="warehouse")


def mysql_connector_hook() -> DbApiHook:
    """`MySqlHook` with the driver mysql-connector-python, which it does not give a socket."""
    import mysql.connector
    from airflow.providers.mysql.hooks.mysql import MySqlHook

    class ConnectorHook(MySqlHook):
        def get_uri(self) -> str:
            return "mysql+mysqlconnector://"

        def get_conn(self) -> Any:
            fields = self.get_connection("warehouse")
            where = {"unix_socket": socket} if (socket := fields.extra_dejson.get("unix_socket")) else {}
            return mysql.connector.connect(
                host=fields.host,
                port=fields.port or 3306,
                user=fields.login,
                password=fields.password or "",
                database=fields.schema,
                **where,
            )

    return ConnectorHook(mysql_conn_id="warehouse")


class Psycopg2Hook(PostgresHook):
    """`PostgresHook` as it is without psycopg 3, or with SQLAlchemy before 2."""

    def get_conn(self) -> Any:
        return psycopg2.connect(host=self.connection.host, user=self.connection.login, dbname=self.connection.schema)


class PooledSession(psycopg2.extensions.connection):
    """A session that stays open when it is closed, as in a pool."""

    def close(self) -> None:
        """Do nothing."""


class PoolingHook(PostgresHook):
    """A hook whose connections stay open when they are closed."""

    def get_conn(self) -> Any:
        fields = self.get_connection("warehouse")
        return psycopg2.connect(
            host=fields.host, user=fields.login, dbname=fields.schema, connection_factory=PooledSession
        )
