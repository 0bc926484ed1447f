"""MySQL and MariaDB: rows go in with inserts of many rows, which their drivers make of `executemany`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import CommitUnknown
from airflow_provider_hvsms.sinks.schema import LOADED_AT, Kind, Layout, Row
from airflow_provider_hvsms.sinks.sql.dialect import (
    LOCK_SECONDS,
    Database,
    NameLimit,
    merged,
    missing_key,
    read_in_order,
)
from airflow_provider_hvsms.sinks.sql.driver import converted, driver_cursor, insert_statement, utc_texts


class Mysql(Database):
    """MySQL 8 and MariaDB 10.2, or newer."""

    is_generic = False
    name_limit = NameLimit(64, "characters")
    stage_has_key = True  # servers can be told to refuse tables without one

    @staticmethod
    def prepare_session(dbapi_connection: Any) -> Any:
        """Rows as tuples, transactions, UTC, every character, and no value cut to fit, whatever the extra says."""
        if hasattr(dbapi_connection, "default_cursor"):  # mysqlclient
            dbapi_connection.cursorclass = type(dbapi_connection).default_cursor
            dbapi_connection.set_character_set("utf8mb4")
        with closing(dbapi_connection.cursor()) as cursor:
            cursor.execute(
                "SET SESSION time_zone = '+00:00', SESSION autocommit = 0, SESSION default_storage_engine = InnoDB, "
                "SESSION sql_mode = TRIM(LEADING ',' FROM CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'))"
            )
        return dbapi_connection

    def is_permanent(self, error: DBAPIError) -> bool:
        return next(iter(getattr(error.orig, "args", ())), None) in _PERMANENT

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        # `CREATE TABLE` ends a transaction and gives up its locks, so the lock must be another one.
        database = target.schema or connection.scalar(sa.select(sa.func.database()))
        name = f"{database}.{target.name}".lower()
        lock = f"hvsms:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        if not connection.scalar(sa.select(sa.func.get_lock(lock, LOCK_SECONDS))):
            late = TimeoutError(f"another load held the table for {LOCK_SECONDS} s")
            raise DBAPIError(None, None, late, hide_parameters=True)
        try:
            with super().transaction(connection, target):
                yield
        finally:
            with suppress(DBAPIError):  # without a connection there is no lock any more
                connection.scalar(sa.select(sa.func.release_lock(lock)))

    @contextmanager
    def created(self, connection: sa.engine.Connection, targets: Sequence[sa.Table]) -> Iterator[None]:
        """Drop what was created if the load fails, as a rollback does not."""
        made: list[sa.Table] = []
        try:
            for target in targets:
                target.create(connection)
                made.append(target)
            yield
        except BaseException as error:
            try:
                connection.rollback()
                for target in made:
                    target.drop(connection)
            except DBAPIError:
                raise CommitUnknown from error
            raise

    def stage_rows(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        with driver_cursor(connection) as cursor:
            cursor.executemany(insert_statement(connection, stage), converted(stage, rows, {Kind.TIME: utc_texts}))

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]]:
        """Without indexes of prefixes, in which values that only begin alike are the same."""
        index = _catalogue("statistics", "index_name", "column_name", "sub_part", "non_unique")
        found = sa.select(index.c.index_name, index.c.column_name, index.c.sub_part).where(
            _is_of(index, table), index.c.non_unique == 0
        )
        keys: dict[str, set[str]] = {}
        for name, column, sub_part in connection.execute(found):
            keys.setdefault(name, set()).add(column if sub_part is None else f"a prefix of {column}")
        return list(keys.values())

    def _decimal_places(self, found: sa.types.TypeEngine[Any], kind: Kind) -> int | None:
        if isinstance(found, mysql.DATETIME | mysql.TIMESTAMP):
            return found.fsp or 0
        return super()._decimal_places(found, kind)

    def storage_problem(self, connection: sa.engine.Connection, target: sa.Table) -> str | None:
        table = _catalogue("tables", "engine")
        engines = sa.table("engines", sa.column("engine"), sa.column("transactions"), schema="information_schema")
        found = (
            sa.select(engines.c.engine)
            .select_from(engines.join(table, table.c.engine == engines.c.engine))
            .where(_is_of(table, target), engines.c.transactions != "YES")
        )
        engine = connection.scalar(found)
        return engine and (
            f"in the storage engine {engine}, which cannot take back a load that fails. Nothing was written. "
            "Change the table to ENGINE = InnoDB."
        )

    def key_problem(self, connection: sa.engine.Connection, target: sa.Table, key: Sequence[str]) -> str | None:
        keys = self.unique_keys(connection, target)
        if set(key) not in keys:
            return missing_key(key)
        column = _catalogue("columns", "column_name", "collation_name")
        found = sa.select(column.c.column_name, column.c.collation_name).where(_is_of(column, target))
        for name, collation in connection.execute(found):
            if name in key and collation and not collation.endswith(("_bin", "binary")):
                return (
                    f"with the collation {collation} for {name!r}, in which values that differ are the same. Nothing "
                    "was written. Change the column to the collation utf8mb4_bin."
                )
        others = [", ".join(sorted(other)) for other in keys if other and other != set(key)]
        if not others:
            return None
        return (
            f"with another unique key, ({others[0]}): where two records share it, MySQL's upsert would overwrite one "
            "with the other. Nothing was written. Make it an index that is not unique."
        )

    def insert(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        return self.merge(target, stage, layout)

    def merge(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        # Of a record that comes twice the second row meets the first one.
        insert = mysql.insert(target).from_select(layout.names, read_in_order(stage, layout))
        values = merged(insert.inserted, target, layout)
        changed = sa.or_(*(value.is_distinct_from(target.c[name]) for name, value in values.items()))
        loaded_at = sa.case((changed, insert.inserted[LOADED_AT.name]), else_=target.c[LOADED_AT.name])
        # Assigned one after the other, and each sees those before it: what the others look at comes last.
        others = sorted(values.items(), key=lambda item: item[0] == layout.version)
        return [insert.on_duplicate_key_update([(LOADED_AT.name, loaded_at), *others])]


_PERMANENT = frozenset(
    {1044, 1045, 1048, 1049, 1050, 1054, 1059, 1062, 1064, 1067, 1071, 1072, 1075, 1101, 1103, 1118, 1142, 1143, 1146}
    | {1166, 1173, 1193, 1227, 1231, 1235, 1264, 1265, 1267, 1292, 1300, 1364, 1366, 1370, 1406, 1419, 1690, 3140, 3750}
    | {3819, 4025}
)
"""Errors about rights, names, types, values and keys; of any other one it is not known that it stays."""


def _catalogue(name: str, *columns: str) -> Any:
    return sa.table(name, *map(sa.column, ("table_schema", "table_name", *columns)), schema="information_schema")


def _is_of(catalogue: Any, table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        catalogue.c.table_schema == (table.schema or sa.func.database()),
        catalogue.c.table_name == table.name,
    )
