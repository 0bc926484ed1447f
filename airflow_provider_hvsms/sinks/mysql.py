"""MySQL and MariaDB: rows go in with inserts of many rows, which their drivers make of `executemany`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.sinks.database import PATIENCE_SECONDS, Database, merged, missing_key
from airflow_provider_hvsms.sinks.driver import converted, driver_cursor, insert_statement, utc_texts
from airflow_provider_hvsms.sinks.rows import LOADED_AT, Kind, Layout, Row


class Mysql(Database):
    """MySQL 8 and MariaDB 10.2, or newer."""

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        # `CREATE TABLE` ends a transaction and gives up its locks, so the lock must be another one.
        lock = f"hvsms:{hashlib.sha256(f'{self.engine.url.database}.{target.fullname}'.encode()).hexdigest()[:32]}"
        if not connection.scalar(sa.select(sa.func.get_lock(lock, PATIENCE_SECONDS))):
            late = TimeoutError(f"another load held the table for {PATIENCE_SECONDS} s")
            raise DBAPIError(None, None, late, hide_parameters=True)
        try:
            with super().transaction(connection, target):
                yield
        finally:
            connection.scalar(sa.select(sa.func.release_lock(lock)))

    def rehearse(self, connection: sa.engine.Connection, target: sa.Table) -> None:
        target.create(connection)
        target.drop(connection)

    @contextmanager
    def created(self, connection: sa.engine.Connection, targets: Sequence[sa.Table]) -> Iterator[None]:
        made: list[sa.Table] = []
        try:
            for target in targets:
                target.create(connection)
                made.append(target)
            yield
        except BaseException:
            connection.rollback()
            for target in made:
                target.drop(connection)
            raise

    def fill(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        with driver_cursor(connection) as cursor:
            cursor.executemany(insert_statement(connection, stage), converted(stage, rows, {Kind.TIME: utc_texts}))

    def key_complaint(self, connection: sa.engine.Connection, target: sa.Table, key: Sequence[str]) -> str | None:
        keys = self.unique_keys(connection, target)
        if set(key) not in keys:
            return missing_key(key)
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
        # Of a record that comes twice the second row meets the first one, so nothing needs to be sorted before.
        insert = mysql.insert(target).from_select(layout.names, sa.select(*(stage.c[name] for name in layout.names)))
        values = merged(insert.inserted, target, layout)
        changed = sa.or_(*(value.is_distinct_from(target.c[name]) for name, value in values.items()))
        loaded_at = sa.case((changed, insert.inserted[LOADED_AT.name]), else_=target.c[LOADED_AT.name])
        # Assigned one after the other, and each sees those before it: what the others look at comes last.
        others = sorted(values.items(), key=lambda item: item[0] == layout.version)
        return [insert.on_duplicate_key_update([(LOADED_AT.name, loaded_at), *others])]
