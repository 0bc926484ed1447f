"""What a database has to do for a load. This one does it with plain SQL, and works with any common-sql hook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_provider_hvsms.sinks.rows import LOADED_AT, Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

PATIENCE_SECONDS = 300
"""How long a load waits for another one's final transaction."""


class Database:
    """Any database with a common-sql hook: rows that are there already are deleted, then all are inserted.

    A database that can do better derives from it and is named in `DATABASES`.
    """

    def __init__(self, engine: sa.engine.Engine) -> None:
        self.engine = engine

    @classmethod
    def create_engine(cls, hook: DbApiHook, **options: Any) -> sa.engine.Engine:
        """The engine whose dialect writes the SQL; the options hold what makes it use the hook's own connections."""
        engine: sa.engine.Engine = hook.get_sqlalchemy_engine(options)
        return engine

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        """One transaction that writes to the target; of two loads at once the second waits here, if it can."""
        try:
            yield
            connection.commit()
        finally:
            connection.rollback()

    def rehearse(self, connection: sa.engine.Connection, target: sa.Table) -> None:
        """Try whether the missing target could be created, and leave none behind."""
        target.create(connection)
        connection.rollback()

    @contextmanager
    def created(self, connection: sa.engine.Connection, targets: Sequence[sa.Table]) -> Iterator[None]:
        """Create the missing targets in the open transaction; they go with it if it fails."""
        for target in targets:
            target.create(connection)
        yield

    def fill(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        """Add rows, at least one, to the staging table and commit them."""
        names = stage.columns.keys()
        connection.execute(stage.insert(), [dict(zip(names, row, strict=True)) for row in rows])
        connection.commit()

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> list[str]:
        """The names of the table's columns; none if it does not exist."""
        inspector = sa.inspect(connection)
        if not inspector.has_table(table.name, schema=table.schema):
            return []
        return [column["name"] for column in inspector.get_columns(table.name, schema=table.schema)]

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]]:
        """The sets of columns that no two rows may share."""
        inspector = sa.inspect(connection)
        where = (table.name, table.schema)
        primary = inspector.get_pk_constraint(*where)["constrained_columns"]
        unique = [constraint["column_names"] for constraint in inspector.get_unique_constraints(*where)]
        indexed = [index["column_names"] for index in inspector.get_indexes(*where) if index["unique"]]
        return [set(primary), *map(set, unique), *({name or "" for name in names} for names in indexed)]

    def key_complaint(self, connection: sa.engine.Connection, target: sa.Table, key: Sequence[str]) -> str | None:
        """What about the target's keys stands against a merge by `key`, as the end of "Table … exists …"."""
        return None

    def insert(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        """The statements that bring the staged state to a target that was just created."""
        return [sa.insert(target).from_select(layout.names, self._source(stage, layout))]

    def merge(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        """The statements that bring the target to the staged state."""
        there = sa.and_(*(target.c[name] == stage.c[name] for name in layout.key))
        keep_values = [
            sa.update(stage)
            .where(stage.c[name].is_(None))
            .values({name: sa.select(target.c[name]).where(there).scalar_subquery()})
            for name in sorted(layout.kept)
        ]
        outdated = sa.exists().where(there, sa.or_(_is_older(stage.c, target, layout), _is_same(stage, target, layout)))
        return [
            *keep_values,
            sa.delete(stage).where(outdated),
            sa.delete(target).where(sa.exists().where(there)),
            *self.insert(target, stage, layout),
        ]

    def _source(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        """One row a key, the newest: a record can come twice while pages shift under the reader."""
        key = [self._sorted_fast(stage.c[name]) for name in layout.key]
        order = [stage.c[layout.version].desc()] if layout.version else key
        position = sa.func.row_number().over(partition_by=key, order_by=order)
        ranked = sa.select(*stage.c, position.label("position")).subquery()
        return sa.select(*(ranked.c[name] for name in layout.names)).where(ranked.c.position == 1)

    def _sorted_fast(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """The column in whatever order costs least."""
        return column


class Upserting(Database):
    """A database with `INSERT … ON CONFLICT DO UPDATE`."""

    def key_complaint(self, connection: sa.engine.Connection, target: sa.Table, key: Sequence[str]) -> str | None:
        return None if set(key) in self.unique_keys(connection, target) else missing_key(key)

    def merge(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        insert = self._upsert(target).from_select(layout.names, self._source(stage, layout))
        values = merged(insert.excluded, target, layout)
        changed = [value.is_distinct_from(target.c[name]) for name, value in values.items()]
        return [
            insert.on_conflict_do_update(
                index_elements=list(layout.key),
                set_={**values, LOADED_AT.name: insert.excluded[LOADED_AT.name]},
                where=sa.or_(*changed),
            )
        ]

    def _upsert(self, target: sa.Table) -> Any:
        raise NotImplementedError


def missing_key(key: Sequence[str]) -> str:
    """The complaint about a table on which rows cannot be upserted."""
    return (
        f"without a primary key or unique constraint on ({', '.join(key)}), by which rows are upserted. "
        "Nothing was written. Add one."
    )


def merged(new: Any, old: sa.Table, layout: Layout[Any]) -> dict[str, sa.ColumnElement[Any]]:
    """What each column should hold where a row is there already: the newer state, without losing what is kept."""
    older = _is_older(new, old, layout)
    return {
        name: sa.func.coalesce(new[name], old.c[name])
        if name in layout.kept
        else sa.case((older, old.c[name]), else_=new[name])
        for name in layout.names
        if name not in (*layout.key, LOADED_AT.name)
    }


def _is_older(new: Any, old: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    return new[layout.version] < old.c[layout.version] if layout.version else sa.false()


def _is_same(stage: sa.Table, target: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(
        *(
            sa.or_(
                stage.c[name] == target.c[name],
                sa.and_(stage.c[name].is_(None), target.c[name].is_(None)),
            )
            for name in layout.names
            if name != LOADED_AT.name
        )
    )
