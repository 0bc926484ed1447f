"""The SQL types of columns: those that a load creates, and what those of an existing table can hold."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from airflow_provider_hvsms.sinks.schema import Column, ColumnType

DECIMAL_PLACES = 6
"""Of a cost, and of the seconds of a timestamp."""


class TypeFamily(enum.StrEnum):
    """What a column of an existing table can hold."""

    TEXT = "text"
    NUMBER = "numbers"
    ROUNDED_NUMBER = "rounded numbers"
    """Numbers with fewer decimal places than `DECIMAL_PLACES`."""
    TIMESTAMP = "timestamps"
    ROUNDED_TIMESTAMP = "rounded timestamps"
    """Timestamps with fewer decimal places of a second than `DECIMAL_PLACES`."""
    OTHER = "other values"


class UtcTimestamp(sa.types.TypeDecorator[datetime]):
    """UTC, with a time zone where the database reliably stores one (PostgreSQL), else without."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.engine.Dialect) -> sa.types.TypeEngine[Any]:
        """MySQL drops fractions of a second by default; plain SQL has its own name for the type."""
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(mysql.DATETIME(fsp=DECIMAL_PLACES))
        if dialect.name == PLAIN_SQL:
            return dialect.type_descriptor(sa.TIMESTAMP())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.engine.Dialect) -> datetime | None:
        """Drop the time zone where the driver would convert the value to the zone of the database session."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.replace(tzinfo=None)


PLAIN_SQL = "any"
"""The name of the SQLAlchemy dialect for databases that have none."""


def sql_type(column: Column) -> sa.types.TypeEngine[Any]:
    """The type of a column that a load creates; each dialect compiles it to its own SQL."""
    if column.type is not ColumnType.ID:
        return _SQL_TYPES[column.type]
    # MySQL and others need a length for a key, and limit the total length of one.
    by_default = _with_variants(sa.String(column.max_length), sa.Text(), _TEXT_KEYS)
    return _with_variants(by_default, mysql.VARCHAR(column.max_length, **_EXACT), _MYSQL)


def required_family(column_type: ColumnType) -> TypeFamily:
    """What a column of an existing table has to hold."""
    match column_type:
        case ColumnType.INTEGER | ColumnType.DECIMAL:
            return TypeFamily.NUMBER
        case ColumnType.TIMESTAMP:
            return TypeFamily.TIMESTAMP
        case _:
            return TypeFamily.TEXT


def rounded_family(column_type: ColumnType) -> TypeFamily:
    """The family of a type that would round a cost or a timestamp."""
    return TypeFamily.ROUNDED_TIMESTAMP if column_type is ColumnType.TIMESTAMP else TypeFamily.ROUNDED_NUMBER


def family_of(found: sa.types.TypeEngine[Any]) -> TypeFamily | None:
    """The family of a type that SQLAlchemy found in a database; `None` if it is not known."""
    return next((family for types, family in _FAMILIES if isinstance(found, types)), None)


def _with_variants(
    by_default: sa.types.TypeEngine[Any], variant: sa.types.TypeEngine[Any], dialects: tuple[str, ...]
) -> sa.types.TypeEngine[Any]:
    for name in dialects:
        by_default = by_default.with_variant(variant, name)
    return by_default


_TEXT_KEYS = ("postgresql", "sqlite", "duckdb")
_MYSQL = ("mysql", "mariadb")
# Independent of the database's default character set, and case-sensitive.
_EXACT: dict[str, Any] = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}

_SQL_TYPES: dict[ColumnType, sa.types.TypeEngine[Any]] = {
    ColumnType.TEXT: _with_variants(sa.Text(), mysql.TEXT(**_EXACT), _MYSQL),
    ColumnType.INTEGER: sa.BigInteger(),
    ColumnType.DECIMAL: sa.Numeric(18, DECIMAL_PLACES),
    ColumnType.TIMESTAMP: UtcTimestamp(),
    ColumnType.JSON: _with_variants(sa.Text(), mysql.LONGTEXT(**_EXACT), _MYSQL),
}

_FAMILIES: tuple[tuple[tuple[type[sa.types.TypeEngine[Any]], ...], TypeFamily], ...] = (
    ((sa.String, sa.JSON), TypeFamily.TEXT),
    ((sa.Integer, sa.Numeric), TypeFamily.NUMBER),
    ((sa.DateTime,), TypeFamily.TIMESTAMP),
    ((sa.Date, sa.Time, sa.Boolean, sa.LargeBinary), TypeFamily.OTHER),
)
