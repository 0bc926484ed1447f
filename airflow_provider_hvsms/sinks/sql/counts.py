"""How many rows there are, and how many a statement changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from airflow_provider_hvsms.sinks.schema import Layout


def count_rows(connection: sa.engine.Connection, table: sa.Table) -> int:
    return _count(connection, sa.select(sa.func.count()).select_from(table))


def count_rows_and_keys(
    connection: sa.engine.Connection, table: sa.Table, key: Sequence[sa.ColumnElement[Any]]
) -> tuple[int, int]:
    """The number of rows, and of different keys among them.

    :param key: expressions of the table's columns that make the key.
    """
    if len(key) == 1:
        both = sa.select(sa.func.count(), sa.func.count(sa.distinct(key[0]))).select_from(table)
        rows, keys = connection.execute(both).one()
        return int(rows), int(keys)
    different = sa.select(*(column.label(f"key{number}") for number, column in enumerate(key))).distinct().subquery()
    return count_rows(connection, table), _count(connection, sa.select(sa.func.count()).select_from(different))


def count_existing(connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> int:
    """The number of staged rows, one for each record, whose record the target has."""
    exists = sa.exists().where(has_same_key(target, stage, layout))
    return _count(connection, sa.select(sa.func.count()).select_from(stage).where(exists))


def count_matches(
    connection: sa.engine.Connection, target: sa.Table, stage: sa.Table, layout: Layout[Any]
) -> tuple[int, int, int]:
    """The number of staged rows, of different keys among them, and of those that the target has, in one query.

    Grouped by key, so that the target's index is read in order. PostgreSQL and MySQL are faster with the other counts.
    """
    key = [stage.c[name] for name in layout.key]
    records = sa.select(*key, sa.func.count().label("copies")).group_by(*key).subquery("records")
    same_key = sa.and_(*(target.c[name] == records.c[name] for name in layout.key))
    rows = sa.func.coalesce(sa.func.sum(records.c.copies), 0)
    query = sa.select(rows, sa.func.count(), sa.func.count(target.c[layout.key[0]]))
    found = connection.execute(query.select_from(records.outerjoin(target, same_key))).one()
    return int(found[0]), int(found[1]), int(found[2])


def count_affected(connection: sa.engine.Connection, statement: sa.sql.Executable) -> int:
    """Execute a statement that changes rows, and return how many the driver says that it changed.

    It is read before SQLAlchemy closes the cursor, with which some drivers forget it.
    """
    counted: list[int] = []

    def read(_: Any, cursor: Any, *__: Any) -> None:
        counted.append(cursor.rowcount)

    sa.event.listen(connection, "after_cursor_execute", read)
    try:
        connection.execute(statement)
    finally:
        sa.event.remove(connection, "after_cursor_execute", read)
    return counted[-1]


def has_same_key(target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    """Whether a row of the target and a staged one belong to the same record."""
    return sa.and_(*(target.c[name] == stage.c[name] for name in layout.key))


def _count(connection: sa.engine.Connection, query: sa.sql.Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())
