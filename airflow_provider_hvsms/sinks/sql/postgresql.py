"""PostgreSQL: inserts a page with one COPY."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import UnsuitableDatabase
from airflow_provider_hvsms.sinks.schema import ColumnType, Row
from airflow_provider_hvsms.sinks.sql.bulk_insert import driver_cursor
from airflow_provider_hvsms.sinks.sql.dialect import MAX_LOCK_WAIT, NameLimit
from airflow_provider_hvsms.sinks.sql.tables import type_of
from airflow_provider_hvsms.sinks.sql.upsert import UpsertDatabase


class PostgresqlDatabase(UpsertDatabase):
    """PostgreSQL. Drivers without COPY, which psycopg and psycopg2 have, insert with SQLAlchemy."""

    name_limit = NameLimit(63, "bytes")

    @staticmethod
    def prepare_session(dbapi_connection: Any) -> Any:
        """Set rows as tuples, transactions, and UTC for columns without a time zone, against the connection's extra."""
        dbapi_connection.autocommit = False
        if hasattr(dbapi_connection, "row_factory"):  # psycopg 3
            dbapi_connection.row_factory = _tuple_row()
        else:
            dbapi_connection.cursor_factory = None
        with closing(dbapi_connection.cursor()) as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute(f"SET lock_timeout = '{MAX_LOCK_WAIT}s'")
        dbapi_connection.commit()
        return dbapi_connection

    def is_permanent(self, error: DBAPIError) -> bool:
        state = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None))
        return state[:2] in _PERMANENT_CLASSES or state in _PERMANENT_STATES

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        with super().transaction(connection, target):
            # Concurrent loads that create the table, or upsert the same rows in another order, would deadlock.
            name = f"hvsms:{_schema_of(connection, target)}.{target.name}"
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(name))))
            yield

    def check_session(self, connection: sa.engine.Connection, stage: sa.Table) -> None:
        """Refuse a pooler that changes the session between transactions: the staging table exists in one only."""
        before = _backend_pid(connection)
        connection.rollback()
        driver: Any = connection.connection.dbapi_connection
        if driver.info.backend_pid != before and self._sessions_change(connection, before):
            raise UnsuitableDatabase(
                "The connection goes through a pooler that can run each transaction in another database session, such "
                "as PgBouncer with pool_mode = transaction. A load needs one database session for all of its "
                "transactions. Nothing was read or written. Connect to PostgreSQL directly, or set pool_mode = session."
            )

    def _sessions_change(self, connection: sa.engine.Connection, before: int) -> bool:
        """Whether a second connection gets the session that the pooler took back, or this one gets another."""
        try:
            with self.engine.connect() as other:
                if _backend_pid(other) == before:
                    return True
                for _ in range(2):  # of two sessions that alternate, the first may be the one from before
                    after = _backend_pid(connection)
                    connection.rollback()
                    if after != before:
                        return True
                other.rollback()
                return _backend_pid(other) == before
        except DBAPIError:  # the pool has no second session
            return True
        finally:
            connection.rollback()

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]]:
        """Without partial, invalid and deferrable ones."""
        indexes = sa.table(
            "pg_index", *map(sa.column, ("indexrelid", "indrelid", "indimmediate", "indisvalid", "indpred"))
        )
        names = sa.table("pg_class", sa.column("oid"), sa.column("relname"))
        unusable = sa.or_(~indexes.c.indimmediate, ~indexes.c.indisvalid, indexes.c.indpred.is_not(None))
        found = connection.execute(
            sa.select(names.c.relname)
            .select_from(indexes.join(names, names.c.oid == indexes.c.indexrelid))
            .where(indexes.c.indrelid == _oid_of(connection, table), unusable)
        )
        unusable_names = set(found.scalars())
        keys = self._named_keys(connection, table)
        return [columns for name, columns in keys.items() if name not in unusable_names]

    def _decimal_places(self, found: sa.types.TypeEngine[Any], column_type: ColumnType) -> int | None:
        if isinstance(found, postgresql.TIMESTAMP):
            return found.precision
        return super()._decimal_places(found, column_type)

    def stage_rows(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        with driver_cursor(connection) as cursor:
            copy = next((copy for method, copy in _COPIES.items() if hasattr(cursor, method)), None)
            if copy:
                copy(cursor, _copy_statement(connection, stage), as_csv(rows))
        if not copy:
            super().stage_rows(connection, stage, [tuple(map(_without_nul, row)) for row in rows])

    def _sort_key(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        return sa.collate(column, "C") if type_of(column) is ColumnType.ID else column

    def begin_reading(self, connection: sa.engine.Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def utc_day(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        # With a time zone: in UTC, whatever the zone of the session. Without one, `prepare_session` sees to it.
        return sa.cast(sa.func.timezone(sa.literal_column("'UTC'"), column), sa.Date())

    def _insert(self, target: sa.Table) -> Any:
        return postgresql.insert(target)


def _backend_pid(connection: sa.engine.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one())


def _oid_of(connection: sa.engine.Connection, table: sa.Table) -> sa.ColumnElement[Any]:
    name = connection.dialect.identifier_preparer.format_table(table)
    return sa.func.to_regclass(sa.cast(sa.literal(name), sa.Text()))


def _schema_of(connection: sa.engine.Connection, target: sa.Table) -> str:
    """The schema in which the table is found, or would be created."""
    relations = sa.table("pg_class", sa.column("oid"), sa.column("relnamespace"))
    schemas = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"))
    found = (
        sa.select(schemas.c.nspname)
        .select_from(relations.join(schemas, schemas.c.oid == relations.c.relnamespace))
        .where(relations.c.oid == _oid_of(connection, target))
    )
    return str(connection.scalar(found) or target.schema or connection.scalar(sa.select(sa.func.current_schema())))


def _tuple_row() -> Any:
    return importlib.import_module("psycopg.rows").tuple_row


def as_csv(rows: Sequence[Row]) -> bytes:
    r"""Rows as PostgreSQL's CSV in UTF-8, with `\` as its escape and `null` for NULL.

    It is made from JSON, which is much faster to encode, and differs in the escapes of control characters only.
    """
    lines = _JSON.encode_lines(rows)[1:-2].replace(b"]\n[", b"\n")
    return _ESCAPED.sub(lambda found: _CONTROL_CHARACTERS.get(found[0], found[0]), lines) if b"\\" in lines else lines


def _copy_statement(connection: sa.engine.Connection, stage: sa.Table) -> str:
    name = connection.dialect.identifier_preparer.format_table(stage)
    return f"COPY {name} FROM STDIN (FORMAT csv, ESCAPE E'\\\\', NULL 'null', ENCODING 'UTF8')"


def _copy_by_psycopg2(cursor: Any, statement: str, data: bytes) -> None:
    cursor.copy_expert(statement, io.BytesIO(data))


def _copy_by_psycopg(cursor: Any, statement: str, data: bytes) -> None:
    with cursor.copy(statement) as copy:
        copy.write(data)


def _without_nul(value: Any) -> Any:
    return value.replace("\x00", _NUL_REPLACEMENT) if isinstance(value, str) and "\x00" in value else value


_PERMANENT_CLASSES = frozenset({"0A", "22", "23", "28", "2B", "3D", "3F", "42", "44", "54"})
"""Of SQLSTATE: features, data, constraints, authorization, missing databases and schemas, privileges, limits."""

_PERMANENT_STATES = frozenset({"25006", "55000"})
"""A read-only session, and a constraint that an upsert cannot use."""

_COPIES: dict[str, Callable[[Any, str, bytes], None]] = {"copy_expert": _copy_by_psycopg2, "copy": _copy_by_psycopg}
"""By the name of the cursor method that the driver has."""

# PostgreSQL's text cannot hold NUL.
_NUL_REPLACEMENT = "\ufffd"

_JSON = msgspec.json.Encoder(enc_hook=str)
_ESCAPED = re.compile(rb"\\(?:u[0-9a-f]{4}|.)")
_CONTROL_CHARACTERS = {
    msgspec.json.encode(character)[1:-1]: character.replace("\x00", _NUL_REPLACEMENT).encode()
    for character in map(chr, range(128))
    if character not in '"\\'
}
"""By their JSON escapes."""
