"""The database of a `SqlLedger`: its sessions, some attempts of each step, and its errors in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import HvsmsError, LedgerUnavailable, LoadRefused, UnsuitableDatabase
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.campaigns.ledger_table import make_table, open_table
from airflow_provider_hvsms.sinks.sql.dialect import Database
from airflow_provider_hvsms.sinks.sql.generic import DatabaseWithoutDialect
from airflow_provider_hvsms.sinks.sql.registry import open_database
from airflow_provider_hvsms.sinks.warehouses.registry import is_warehouse

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

ResultT = TypeVar("ResultT")
Step = Callable[[sa.engine.Connection, sa.Table], ResultT]

_PAUSES = (0.2, 1.0, 3.0)
"""Seconds before each further attempt."""

_MAX_LOCK_WAIT = 5
"""Seconds that a statement waits for a lock: short, as nothing may be sent after a long wait."""

_SESSION = {
    "postgresql": (
        f"SET lock_timeout = '{_MAX_LOCK_WAIT}s'",
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    ),
    "mysql": (f"SET SESSION innodb_lock_wait_timeout = {_MAX_LOCK_WAIT}",),
    "mariadb": (f"SET SESSION innodb_lock_wait_timeout = {_MAX_LOCK_WAIT}",),
    "sqlite": (f"PRAGMA busy_timeout = {_MAX_LOCK_WAIT * 1000}", "PRAGMA synchronous = FULL"),
}
"""By the name of the dialect: short waits for locks, and commits that outlive a crash of the server."""


class LedgerDatabase:
    """Runs the steps of a ledger, each in a database session of its own.

    :param name: the ledger in words, for errors.
    """

    def __init__(self, hook: DbApiHook, table: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        conn_id = getattr(hook, str(getattr(hook, "conn_name_attr", "")), None)
        self.name = f"the ledger (table {table!r}, connection {conn_id!r})"
        self._hook = hook
        self._table = make_table(table)
        self._sleep = sleep
        self._opened: tuple[Database, sa.Table] | None = None

    def run(self, read: Step[ResultT]) -> ResultT:
        """Read something, in some attempts.

        :raises LedgerUnavailable: no attempt succeeded.
        :raises LoadRefused: the database refused it, and would refuse it again.
        """
        for pause in (*_PAUSES, None):
            try:
                with self._session() as (connection, table):
                    return read(connection, table)
            except LedgerUnavailable:
                if pause is None:
                    raise
                self._sleep(pause)
        raise AssertionError("unreachable")

    def change(self, write: Step[bool], is_written: Step[bool]) -> None:
        """Write something, in some attempts. One whose outcome is not known is read back before the next.

        :param write: write and commit; returns whether something was written.
        :param is_written: whether it is there; raises `LedgerConflict` if something else is.
        :raises LedgerConflict: something else is there.
        :raises LedgerUnavailable: no attempt succeeded.
        :raises LoadRefused: the database refused it, and would refuse it again.
        """
        for pause in (*_PAUSES, None):
            try:
                with self._session() as (connection, table):
                    if write(connection, table):
                        return
                failure: HvsmsError = LedgerUnavailable(f"A change of {self.name} had no effect.")
            except (LedgerUnavailable, LoadRefused) as error:
                failure = error
            if self.run(is_written):
                return
            if pause is None or isinstance(failure, LoadRefused):
                raise failure
            self._sleep(pause)

    @contextmanager
    def _session(self) -> Iterator[tuple[sa.engine.Connection, sa.Table]]:
        database = self._opened[0] if self._opened else self._open()
        with self._in_words(database), self._connect(database) as connection:
            for statement in _SESSION.get(connection.dialect.name, ()):
                connection.exec_driver_sql(statement)
            connection.commit()
            if not self._opened:
                self._opened = (database, open_table(database, connection, self._table))
            try:
                yield connection, self._opened[1]
            finally:
                with suppress(DBAPIError):
                    connection.rollback()

    def _open(self) -> Database:
        if is_warehouse(self._hook):
            raise self._unsuitable("does not enforce unique keys")
        try:
            database = open_database(self._hook)
        except UnsuitableDatabase:
            raise self._unsuitable("does not enforce unique keys") from None
        except Exception as error:  # such as a secrets backend that did not answer
            raise self._unavailable("cannot be opened", error) from error
        if isinstance(database, DatabaseWithoutDialect):
            raise self._unsuitable("has no SQLAlchemy dialect that is installed")
        return database

    def _connect(self, database: Database) -> sa.engine.Connection:
        try:
            return database.engine.connect()
        except DBAPIError:
            raise
        except Exception as error:  # such as a secrets backend that did not answer
            raise self._unavailable("cannot be connected to", error) from error

    @contextmanager
    def _in_words(self, database: Database) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if database.is_permanent(error):
                raise LoadRefused(
                    f"A statement of {self.name} was refused: {_reason(error)}. The user of the connection needs the "
                    "rights SELECT, INSERT and UPDATE on the table."
                ) from None
            raise self._unavailable("cannot be read or written at the moment", error) from None

    def _unavailable(self, problem: str, error: Exception) -> LedgerUnavailable:
        return LedgerUnavailable(f"{self.name[0].upper()}{self.name[1:]} {problem}: {_reason(error)}.")

    def _unsuitable(self, problem: str) -> UnsuitableDatabase:
        return UnsuitableDatabase(
            f"A {type(self._hook).__name__} cannot hold {self.name}: its database {problem}, so two tries of a task "
            "could send at once. Nothing was sent. Use a connection to PostgreSQL, MySQL, MariaDB or SQLite."
        )


def _reason(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    # Further lines of a driver's message may hold values.
    first_line = redact(str(cause).strip().partition("\n")[0]).removesuffix(".")
    return f"{type(cause).__name__}: {first_line}"
