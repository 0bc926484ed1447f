"""What a database has to do for a load. This one does it with plain SQL, and works with any common-sql hook."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, NotSupportedError, ProgrammingError

from airflow_provider_hvsms.api.errors import CommitUnknown
from airflow_provider_hvsms.sinks.schema import LOADED_AT, Kind, Layout, Row
from airflow_provider_hvsms.sinks.sql.driver import KIND

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

LOCK_SECONDS = 300
"""How long a load waits for another one's final transaction."""

SEQUENCE = "hvsms_sequence"
"""The staging column that numbers the rows in the order in which they were read."""


DECIMAL_PLACES = 6
"""Of a cost, and of the seconds of a time."""


@dataclasses.dataclass(frozen=True)
class NameLimit:
    """How long the name of a table may be.

    :param unit: `bytes` (of UTF-8) or `characters`.
    """

    length: int
    unit: str

    def allows(self, name: str) -> bool:
        return len(name.encode() if self.unit == "bytes" else name) <= self.length


class Database:
    """Any database with a common-sql hook: rows that are there already are deleted, then all are inserted.

    A database that can do better derives from it and is named in `DATABASES`.
    """

    is_generic = True
    """Whether nothing is known of the database, so that it must prove what a load relies on."""

    name_limit: NameLimit | None = None
    """The longest name of a table; `None`: no limit is known."""

    stage_has_key = False
    """Whether a staging table gets a primary key, which some servers demand of every table."""

    def __init__(self, engine: sa.engine.Engine) -> None:
        self.engine = engine

    @classmethod
    def create_engine(cls, hook: DbApiHook, **options: Any) -> sa.engine.Engine:
        """The engine whose dialect writes the SQL; the options hold what makes it use the hook's own connections."""
        engine: sa.engine.Engine = hook.get_sqlalchemy_engine(options)
        return engine

    @staticmethod
    def prepare_session(dbapi_connection: Any) -> Any:
        """A new connection of the hook, with the settings undone that a load cannot do with."""
        return dbapi_connection

    def is_permanent(self, error: DBAPIError) -> bool:
        """Whether the database would refuse the same statement again."""
        return isinstance(error, ProgrammingError | DataError | NotSupportedError)

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        """One transaction of a load into the target; of two loads at once the second waits here, if it can.

        :raises CommitUnknown: its end failed, and a connection that was lost may be why.
        """
        try:
            yield
            self._commit(connection)
        finally:
            connection.rollback()

    def _commit(self, connection: sa.engine.Connection) -> None:
        try:
            connection.commit()
        except DBAPIError as error:
            # How a generic driver says that the connection is lost is not known.
            if error.connection_invalidated or self.is_generic:
                raise CommitUnknown from error
            raise

    def check_creatable(self, connection: sa.engine.Connection, target: sa.Table) -> None:
        """Try whether the missing target could be created, and leave none behind."""
        target.create(connection)
        target.drop(connection)

    @contextmanager
    def created(self, connection: sa.engine.Connection, targets: Sequence[sa.Table]) -> Iterator[None]:
        """Create the missing targets in the open transaction; they go with it if it fails."""
        for target in targets:
            target.create(connection)
        yield

    def stage_rows(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        """Add numbered rows, at least one, to the staging table and commit them."""
        names = stage.columns.keys()
        connection.execute(stage.insert(), [dict(zip(names, row, strict=True)) for row in rows])
        connection.commit()

    def check_stage(self, connection: sa.engine.Connection, stage: sa.Table) -> None:
        """Refuse a session that would lose the staging table, which was just created and committed."""

    def stored_name(self, connection: sa.engine.Connection, table: sa.Table) -> str:
        """The name of the table as the database wrote it down, if it exists."""
        return table.name

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> list[str]:
        """The names of the table's columns; none if it does not exist."""
        inspector = sa.inspect(connection)
        if not inspector.has_table(table.name, schema=table.schema):
            return []
        return [column["name"] for column in inspector.get_columns(table.name, schema=table.schema)]

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, str]:
        """What the table's columns hold: `text`, `number` or `time`; none for types that are not known.

        A type that would round the values of its column is `rounded number` or `rounded time`.
        """
        columns = sa.inspect(connection).get_columns(table.name, schema=table.schema)
        families = {column["name"]: family for column in columns if (family := _family(column["type"]))}
        for column in columns:
            kind = table.columns[column["name"]].info[KIND]
            decimal_places = self._decimal_places(column["type"], kind)
            if decimal_places is not None and decimal_places < DECIMAL_PLACES:
                families[column["name"]] = f"rounded {family_of(kind)}"
        return families

    def _decimal_places(self, found: sa.types.TypeEngine[Any], kind: Kind) -> int | None:
        """How many a column's type keeps, of a cost or of a second; `None` if all, or if that is not known."""
        if kind is Kind.DECIMAL and isinstance(found, sa.Integer | sa.Numeric):
            return 0 if isinstance(found, sa.Integer) else found.scale
        return None

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]]:
        """The sets of columns that no two rows may share."""
        return list(self._named_keys(connection, table).values())

    def _named_keys(self, connection: sa.engine.Connection, table: sa.Table) -> dict[str | None, set[str]]:
        inspector = sa.inspect(connection)
        where = (table.name, table.schema)
        primary = inspector.get_pk_constraint(*where)
        indexes = [index for index in inspector.get_indexes(*where) if index["unique"]]
        return {
            primary.get("name") or "": set(primary["constrained_columns"]),
            **{one["name"]: {name or "" for name in one["column_names"]} for one in indexes},
            **{one["name"]: set(one["column_names"]) for one in inspector.get_unique_constraints(*where)},
        }

    def storage_problem(self, connection: sa.engine.Connection, target: sa.Table) -> str | None:
        """Why a load into the target could not be taken back, as the end of "Table … exists …"."""
        return None

    def key_problem(self, connection: sa.engine.Connection, target: sa.Table, key: Sequence[str]) -> str | None:
        """What about the target's keys stands against a merge by `key`, as the end of "Table … exists …"."""
        return None

    def insert(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        """The statements that bring the staged state to a target that was just created."""
        return [sa.insert(target).from_select(layout.names, self._source(stage, layout))]

    def merge(self, target: sa.Table, stage: sa.Table, layout: Layout[Any]) -> list[sa.sql.Executable]:
        """The statements that bring the target to the staged state."""
        there = sa.and_(*(target.c[name] == stage.c[name] for name in layout.key))
        best = sa.select(self._ranked(stage, layout).subquery()).subquery()
        replaced = sa.select(best.c[SEQUENCE]).where(best.c.position > 1)
        keep_values = [
            sa.update(stage)
            .where(stage.c[name].is_(None))
            .values({name: sa.select(target.c[name]).where(there).scalar_subquery()})
            for name in sorted(layout.kept)
        ]
        outdated = sa.exists().where(there, sa.or_(is_older(stage.c, target, layout), _is_same(stage, target, layout)))
        return [
            sa.delete(stage).where(stage.c[SEQUENCE].in_(replaced)),
            *keep_values,
            sa.delete(stage).where(outdated),
            sa.delete(target).where(sa.exists().where(there)),
            *self.insert(target, stage, layout),
        ]

    def _source(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        """One row a key, the newest: a record can come twice while pages shift under the reader."""
        ranked = self._ranked(stage, layout).subquery()
        return sa.select(*(ranked.c[name] for name in layout.names)).where(ranked.c.position == 1)

    def _ranked(self, stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
        """The staged rows, numbered within each key: newest first, and of two as new the one that was read last."""
        key = [self._sorted_fast(stage.c[name]) for name in layout.key]
        order: list[sa.ColumnElement[Any]] = [stage.c[SEQUENCE].desc()]
        if layout.version:
            version = stage.c[layout.version]
            order = [sa.case((version.is_(None), 1), else_=0), version.desc(), *order]
        position = sa.func.row_number().over(partition_by=key, order_by=order)
        return sa.select(*stage.c, position.label("position"))

    def _sorted_fast(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """The column in whatever order costs least."""
        return column


class Upserting(Database):
    """A database with `INSERT … ON CONFLICT DO UPDATE`."""

    is_generic = False

    def key_problem(self, connection: sa.engine.Connection, target: sa.Table, key: Sequence[str]) -> str | None:
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
    """The problem with a table on which rows cannot be upserted."""
    return (
        f"without a primary key or unique constraint on ({', '.join(key)}), by which rows are upserted. "
        "Nothing was written. Add one."
    )


def merged(new: Any, old: sa.Table, layout: Layout[Any]) -> dict[str, sa.ColumnElement[Any]]:
    """What each column should hold where a row is there already: the newer state, without losing what is kept."""
    older = is_older(new, old, layout)
    return {
        name: sa.case((older, sa.func.coalesce(old.c[name], new[name])), else_=sa.func.coalesce(new[name], old.c[name]))
        if name in layout.kept
        else sa.case((older, old.c[name]), else_=new[name])
        for name in layout.names
        if name not in (*layout.key, LOADED_AT.name)
    }


def is_older(new: Any, old: sa.Table, layout: Layout[Any]) -> sa.ColumnElement[bool]:
    """Whether a row is an older state than the one that is there; a state without a version is older than any."""
    if layout.version is None:
        return sa.false()
    ours, theirs = new[layout.version], old.c[layout.version]
    return sa.and_(theirs.is_not(None), sa.or_(ours.is_(None), ours < theirs))


def read_in_order(stage: sa.Table, layout: Layout[Any]) -> sa.sql.Select[Any]:
    """All staged rows in the order in which they were read, for databases that merge them one after the other."""
    return sa.select(*(stage.c[name] for name in layout.names)).order_by(stage.c[SEQUENCE])


def close_quietly(connection: sa.engine.Connection, stages: Sequence[sa.Table]) -> None:
    """Drop the staging tables, unless the connection is no more; then they are gone with their session."""
    if connection.invalidated:
        return
    with suppress(DBAPIError):
        connection.rollback()
        for stage in stages:
            stage.drop(connection)
        connection.commit()


def family_of(kind: Kind) -> str:
    """What a column of this kind holds, in the words of `type_families`."""
    return {Kind.INTEGER: "number", Kind.DECIMAL: "number", Kind.TIME: "time"}.get(kind, "text")


def _family(found: sa.types.TypeEngine[Any]) -> str | None:
    for kinds, family in (
        ((sa.String, sa.JSON), "text"),
        ((sa.Integer, sa.Numeric), "number"),
        ((sa.DateTime,), "time"),
        ((sa.Date, sa.Time, sa.Boolean, sa.LargeBinary), "other"),
    ):
        if isinstance(found, kinds):
            return family
    return None


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
