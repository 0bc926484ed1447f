"""MySQL and MariaDB: inserts a page with the driver's `executemany`, which makes it inserts of many rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.api.errors import CommitUnknown
from airflow_provider_hvsms.sinks.schema import LOADED_AT, Changes, ColumnType, Layout, Row
from airflow_provider_hvsms.sinks.sql.bulk_insert import (
    convert_columns,
    driver_cursor,
    format_timestamps,
    insert_statement,
)
from airflow_provider_hvsms.sinks.sql.counts import count_affected, count_existing, count_rows
from airflow_provider_hvsms.sinks.sql.dialect import MAX_LOCK_WAIT, Database, NameLimit
from airflow_provider_hvsms.sinks.sql.existing_columns import ExistingColumn
from airflow_provider_hvsms.sinks.sql.keys import usable_keys
from airflow_provider_hvsms.sinks.sql.merge import is_changed, merged_values, rows_in_read_order
from airflow_provider_hvsms.sinks.sql.mismatch import missing_key, table_mismatch
from airflow_provider_hvsms.sinks.sql.schema_change import AlterNothing, CreateLike, add_columns, drop_columns
from airflow_provider_hvsms.sinks.sql.tables import SEQUENCE, make_numbers, probe_name


class MySqlDatabase(Database):
    """MySQL 8 and MariaDB 10.2, or newer."""

    name_limit = NameLimit(64, "characters")
    stage_has_key = True  # servers can be configured to refuse tables without one

    @staticmethod
    def prepare_session(dbapi_connection: Any) -> Any:
        """Set rows as tuples, transactions, UTC, full Unicode and no truncation, against the connection's extra."""
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
        # `CREATE TABLE` commits and so releases the locks of the transaction: a named lock outlives it.
        database = target.schema or connection.scalar(sa.select(sa.func.database()))
        name = f"{database}.{target.name}".lower()
        lock = f"hvsms:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        if not connection.scalar(sa.select(sa.func.get_lock(lock, MAX_LOCK_WAIT))):
            timeout = TimeoutError(f"another load has held the lock of the table for {MAX_LOCK_WAIT} s")
            raise DBAPIError(None, None, timeout, hide_parameters=True)
        try:
            with super().transaction(connection, target):
                yield
        finally:
            with suppress(DBAPIError):  # a lost connection has released the lock
                connection.scalar(sa.select(sa.func.release_lock(lock)))

    @contextmanager
    def created(self, connection: sa.engine.Connection, targets: Sequence[sa.Table]) -> Iterator[None]:
        """Drop the created tables if the load fails: a rollback does not."""
        created: list[sa.Table] = []
        try:
            for target in targets:
                target.create(connection)
                created.append(target)
            yield
        except BaseException as error:
            try:
                connection.rollback()
                for target in created:
                    target.drop(connection)
            except DBAPIError:
                raise CommitUnknown from error
            raise

    @contextmanager
    def extended(self, connection: sa.engine.Connection, target: sa.Table, names: Sequence[str]) -> Iterator[None]:
        """Drop the added columns if the load fails: a rollback does not. The lock keeps other loads from using them."""
        added: list[str] = []
        try:
            for name in names:
                add_columns(connection, target, [name])
                added.append(name)
            yield
        except BaseException:
            with suppress(DBAPIError):  # an empty column that stays does no harm
                connection.rollback()
                drop_columns(connection, target, added)
            raise

    @contextmanager
    def trial(self, connection: sa.engine.Connection, target: sa.Table, names: Sequence[str]) -> Iterator[sa.Table]:
        """With missing columns, a copy of the target without rows: adding them to the target could not be undone."""
        if not names:
            with super().trial(connection, target, names) as same:
                yield same
            return
        connection.execute(AlterNothing(target))
        copy = target.to_metadata(sa.MetaData(), name=probe_name())
        connection.execute(CreateLike(copy, target))
        try:
            add_columns(connection, copy, names)
            yield copy
        finally:
            connection.rollback()
            copy.drop(connection)
            connection.commit()

    def begin_reading(self, connection: sa.engine.Connection) -> None:
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def stage_rows(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        with driver_cursor(connection) as cursor:
            cursor.executemany(insert_statement(connection, stage), convert_columns(stage, rows, _CONVERSIONS))

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]]:
        """The sets of columns that are unique; a column of which only a prefix is unique has another name."""
        index = _catalog("statistics", "index_name", "column_name", "sub_part", "non_unique")
        found = sa.select(index.c.index_name, index.c.column_name, index.c.sub_part).where(
            _is_of(index, table), index.c.non_unique == 0
        )
        keys: dict[str, set[str]] = {}
        for name, column, sub_part in connection.execute(found):
            keys.setdefault(name, set()).add(column if sub_part is None else f"a prefix of {column}")
        return list(keys.values())

    def _decimal_places(self, found: sa.types.TypeEngine[Any], column_type: ColumnType) -> int | None:
        if isinstance(found, mysql.DATETIME | mysql.TIMESTAMP):
            return found.fsp or 0
        return super()._decimal_places(found, column_type)

    def find_key(
        self,
        connection: sa.engine.Connection,
        target: sa.Table,
        layout: Layout[Any],
        columns: Mapping[str, ExistingColumn],
    ) -> tuple[str, ...]:
        self._check_engine(connection, target)
        keys = self.unique_keys(connection, target)
        usable = usable_keys(keys, columns, layout)
        if not usable:
            raise missing_key(target, layout)
        self._check_collations(connection, target, usable[0])
        numbered = self._auto_increment(connection, target)
        # Of two rows that are equal in a larger key, the record is the same, and no two rows have the same number.
        others = [", ".join(sorted(key)) for key in keys if not (set(layout.key) <= key or numbered in key)]
        if others:
            raise table_mismatch(
                target,
                f"has another unique key, ({others[0]}): MySQL's upsert would overwrite a record with another one that "
                "has the same value",
                "Make it an index that is not unique.",
            )
        return usable[0]

    def _auto_increment(self, connection: sa.engine.Connection, target: sa.Table) -> str | None:
        """The column that numbers the rows, if there is one."""
        column = _catalog("columns", "column_name", "extra")
        found = sa.select(column.c.column_name).where(_is_of(column, target), column.c.extra.like("%auto_increment%"))
        return connection.scalar(found)

    def _check_engine(self, connection: sa.engine.Connection, target: sa.Table) -> None:
        table = _catalog("tables", "engine")
        engines = sa.table("engines", sa.column("engine"), sa.column("transactions"), schema="information_schema")
        found = (
            sa.select(engines.c.engine)
            .select_from(engines.join(table, table.c.engine == engines.c.engine))
            .where(_is_of(table, target), engines.c.transactions != "YES")
        )
        engine = connection.scalar(found)
        if engine:
            raise table_mismatch(
                target,
                f"its storage engine is {engine}, which cannot roll back a load that fails",
                "Change the table to ENGINE = InnoDB.",
            )

    def _check_collations(self, connection: sa.engine.Connection, target: sa.Table, key: Sequence[str]) -> None:
        column = _catalog("columns", "column_name", "collation_name")
        found = sa.select(column.c.column_name, column.c.collation_name).where(_is_of(column, target))
        for name, collation in connection.execute(found):
            if name in key and collation and not collation.endswith(("_bin", "binary")):
                raise table_mismatch(
                    target,
                    f"has the collation {collation} for {name!r}, in which different values can be equal",
                    "Change the column to the collation utf8mb4_bin.",
                )

    def insert(
        self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
    ) -> Changes:
        """MySQL merges one row at a time, so the second row of a record is merged into the first."""
        self._merge(connection, target, stage, layout)
        return Changes(inserted=count_rows(connection, target), updated=0, unchanged=0)

    def merge(
        self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
    ) -> Changes:
        records = self.count_records(connection, stage, layout)
        inserted = records - count_existing(connection, target, stage, layout)
        # 1 for an inserted row and 2 for an updated one; and for an unchanged one 0, or 1 if so set in the connection.
        affected = self._merge(connection, target, stage, layout)
        is_one = self._counts_unchanged_rows(connection, stage)
        updated = affected - records if is_one else (affected - inserted) // 2
        return Changes(inserted=inserted, updated=updated, unchanged=records - inserted - updated)

    def _merge(self, connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> int:
        # Rows are merged one at a time, so the second row of a key is merged into the first.
        insert = mysql.insert(target).from_select(layout.names, rows_in_read_order(stage, layout))
        values = merged_values(insert.inserted, target, layout)
        changed = is_changed(insert.inserted, target, layout)
        loaded_at = sa.case((changed, insert.inserted[LOADED_AT.name]), else_=target.c[LOADED_AT.name])
        # Each assignment sees the results of those before it, so the version that all of them read comes last.
        others = sorted(values.items(), key=lambda item: item[0] == layout.version)
        return count_affected(connection, insert.on_duplicate_key_update([(LOADED_AT.name, loaded_at), *others]))

    def _counts_unchanged_rows(self, connection: sa.engine.Connection, stage: sa.Table) -> bool:
        """Whether the connection has the flag `FOUND_ROWS`, with which updates count rows that they do not change."""
        number = stage.c[SEQUENCE]
        one = sa.select(sa.func.min(number)).select_from(stage)
        update = sa.update(stage).where(number == connection.scalar(one)).values({SEQUENCE: number})
        return count_affected(connection, update) > 0

    def _remove_superseded(self, connection: sa.engine.Connection, stage: sa.Table, layout: Layout[Any]) -> None:
        # A statement of MySQL can refer to a temporary table only once.
        superseded = make_numbers()
        superseded.create(connection)
        connection.execute(sa.insert(superseded).from_select([SEQUENCE], self._superseded(stage, layout)))
        connection.execute(sa.delete(stage).where(stage.c[SEQUENCE].in_(sa.select(superseded.c[SEQUENCE]))))


_PERMANENT = frozenset(
    {1044, 1045, 1048, 1049, 1050, 1054, 1059, 1062, 1064, 1067, 1071, 1072, 1075, 1101, 1103, 1118, 1142, 1143, 1146}
    | {1166, 1173, 1193, 1227, 1231, 1235, 1264, 1265, 1267, 1292, 1300, 1364, 1366, 1370, 1406, 1419, 1526, 1690, 1792}
    | {3140, 3750, 3819, 4025}
)
"""Errors about privileges, names, types, values, keys and partitions. Any other may pass."""

_CONVERSIONS = {ColumnType.TIMESTAMP: format_timestamps}


def _catalog(name: str, *columns: str) -> Any:
    return sa.table(name, *map(sa.column, ("table_schema", "table_name", *columns)), schema="information_schema")


def _is_of(catalog: Any, table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        catalog.c.table_schema == (table.schema or sa.func.database()),
        catalog.c.table_name == table.name,
    )
