"""DuckDB: inserts a page as one JSON text, which the database splits into columns."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, registry
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError

from airflow_provider_hvsms.sinks.schema import ColumnType, Row
from airflow_provider_hvsms.sinks.sql.existing_columns import ExistingColumn
from airflow_provider_hvsms.sinks.sql.sql_types import DECIMAL_PLACES, TypeFamily
from airflow_provider_hvsms.sinks.sql.tables import type_of
from airflow_provider_hvsms.sinks.sql.upsert import UpsertDatabase

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


class DuckDbDialect(DefaultDialect):
    """As much of DuckDB as a load needs, so that it does not need the package `duckdb-engine`."""

    name = "duckdb"
    statement_compiler = PGCompiler
    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        dbapi_connection.begin()

    def do_rollback(self, dbapi_connection: Any) -> None:
        with suppress(_driver().TransactionException):  # none is open: its begin or its commit failed
            dbapi_connection.rollback()


class _Session:
    """A connection whose cursors share its session: DuckDB's own cursors do not see its temporary tables."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def cursor(self) -> _Cursor:
        return _Cursor(self._connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class _Cursor(_Session):
    @property
    def rowcount(self) -> int:
        """Of a statement that changes rows, which DuckDB answers with a row that holds the number."""
        [affected] = self._connection.fetchone() or [-1]
        return int(affected)

    def close(self) -> None:
        """The connection stays open."""


class DuckDbDatabase(UpsertDatabase):
    """A DuckDB file, or MotherDuck."""

    # Only one process at a time can open a file for writing, so concurrent loads are threads of this process.
    _lock = threading.Lock()

    @classmethod
    def create_engine(cls, hook: DbApiHook, **options: Any) -> sa.engine.Engine:
        options["creator"] = lambda: _Session(hook.get_conn())
        return sa.create_engine("hvsms_duckdb://", module=_driver(), **options)

    @contextmanager
    def transaction(self, connection: sa.engine.Connection, target: sa.Table) -> Iterator[None]:
        with self._lock, super().transaction(connection, target):
            yield

    def is_permanent(self, error: DBAPIError) -> bool:
        return type(error.orig).__name__ not in _TRANSIENT

    def stage_rows(self, connection: sa.engine.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
        names = stage.columns.keys()
        paths: sa.ColumnElement[Any] = sa.literal_column(str([f"$[{position}]" for position in range(len(names))]))
        records = sa.func.unnest(sa.func.json_extract(sa.bindparam("page"), sa.literal_column("'$[*]'")))
        page = sa.select(sa.func.json_extract_string(records, paths).label("record")).subquery()
        values = [sa.func.list_extract(page.c.record, position) for position, _ in enumerate(names, start=1)]
        text = msgspec.json.encode(rows, enc_hook=str).decode()
        connection.execute(stage.insert().from_select(names, sa.select(*values)), {"page": text})
        connection.commit()

    def columns(self, connection: sa.engine.Connection, table: sa.Table) -> dict[str, ExistingColumn]:
        columns = sa.func.duckdb_columns().table_valued("column_name", "is_nullable", "column_default", *_WHERE)
        found = sa.select(columns.c.column_name, columns.c.is_nullable, columns.c.column_default)
        return {
            name: ExistingColumn(is_nullable, is_filled=default is not None)
            for name, is_nullable, default in connection.execute(found.where(_is_of(columns, table)))
        }

    def type_families(self, connection: sa.engine.Connection, table: sa.Table) -> Mapping[str, TypeFamily]:
        columns = sa.func.duckdb_columns().table_valued("column_name", "data_type", *_WHERE)
        found = sa.select(columns.c.column_name, columns.c.data_type).where(_is_of(columns, table))
        types = {name: str(data_type) for name, data_type in connection.execute(found)}
        families = {
            name: _FAMILIES.get(data_type.partition("(")[0], TypeFamily.OTHER) for name, data_type in types.items()
        }
        for column in table.columns:
            if type_of(column) is ColumnType.DECIMAL and _rounds(types.get(column.name, "")):
                families[column.name] = TypeFamily.ROUNDED_NUMBER
        return families

    def unique_keys(self, connection: sa.engine.Connection, table: sa.Table) -> list[set[str]]:
        constraints = sa.func.duckdb_constraints().table_valued("constraint_type", "constraint_column_names", *_WHERE)
        indexes = sa.func.duckdb_indexes().table_valued("is_unique", "expressions", *_WHERE)
        constrained = sa.select(constraints.c.constraint_column_names).where(
            _is_of(constraints, table), constraints.c.constraint_type.in_(["PRIMARY KEY", "UNIQUE"])
        )
        indexed = sa.select(indexes.c.expressions).where(_is_of(indexes, table), indexes.c.is_unique)
        return [
            *map(set, connection.execute(constrained).scalars()),
            *(set(expressions.strip("[]").split(", ")) for expressions in connection.execute(indexed).scalars()),
        ]

    def _insert(self, target: sa.Table) -> Any:
        return postgresql.insert(target)


def _rounds(data_type: str) -> bool:
    """Whether the type would round a cost."""
    decimal_places = _DECIMAL.fullmatch(data_type)
    return data_type in _INTEGERS or (decimal_places is not None and int(decimal_places[1]) < DECIMAL_PLACES)


_TRANSIENT = frozenset({"IOException", "TransactionException", "OutOfMemoryException", "ConnectionException"})
"""Errors that can pass, such as a file that another process has open."""

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_DECIMAL = re.compile(r"DECIMAL\(\d+,\s*(\d+)\)")

_FAMILIES = {
    **dict.fromkeys(("VARCHAR", "JSON", "ENUM"), TypeFamily.TEXT),
    **dict.fromkeys((*_INTEGERS, "DECIMAL", "FLOAT", "DOUBLE"), TypeFamily.NUMBER),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "DATETIME"), TypeFamily.TIMESTAMP),
}

_WHERE = ("database_name", "schema_name", "table_name")

registry.register("hvsms_duckdb", __name__, DuckDbDialect.__name__)


def _driver() -> Any:
    return importlib.import_module("duckdb")


def _is_of(catalog: sa.sql.FromClause, table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        catalog.c.database_name == sa.func.current_database(),
        catalog.c.schema_name == (table.schema or sa.func.current_schema()),
        sa.func.lower(catalog.c.table_name) == sa.func.lower(table.name),  # as DuckDB compares names
    )
