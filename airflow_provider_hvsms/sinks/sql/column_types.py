"""What a column is in each database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from airflow_provider_hvsms.sinks.schema import Column, Kind


class UtcTime(sa.types.TypeDecorator[datetime]):
    """UTC with its zone where the database keeps one for sure (PostgreSQL), else UTC without."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.engine.Dialect) -> sa.types.TypeEngine[Any]:
        """MySQL drops the fractions of seconds unless it is told to keep them."""
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        if dialect.name == "any":  # as the standard has it
            return dialect.type_descriptor(sa.TIMESTAMP())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.engine.Dialect) -> datetime | None:
        """Drop the zone where the driver would otherwise convert to the session's."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.replace(tzinfo=None)


def _variants(
    usual: sa.types.TypeEngine[Any], kind: sa.types.TypeEngine[Any], names: tuple[str, ...]
) -> sa.types.TypeEngine[Any]:
    for name in names:
        usual = usual.with_variant(kind, name)
    return usual


_TEXT_KEYS = ("postgresql", "sqlite", "duckdb")
_MYSQL = ("mysql", "mariadb")
# Whatever the database's own character set is; and 'Sent' is not 'sent'.
_EXACT: dict[str, Any] = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}


def column_type(column: Column) -> sa.types.TypeEngine[Any]:
    """The type of a column, which each dialect writes in its own way."""
    if column.kind is not Kind.ID:
        return _TYPES[column.kind]
    # MySQL and others need a length for a key, and those of one key must not be too long together.
    usual = _variants(sa.String(column.length), sa.Text(), _TEXT_KEYS)
    return _variants(usual, mysql.VARCHAR(column.length, **_EXACT), _MYSQL)


_TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    Kind.TEXT: _variants(sa.Text(), mysql.TEXT(**_EXACT), _MYSQL),
    Kind.INTEGER: sa.BigInteger(),
    Kind.DECIMAL: sa.Numeric(18, 6),
    Kind.TIME: UtcTime(),
    Kind.JSON: _variants(sa.Text(), mysql.LONGTEXT(**_EXACT), _MYSQL),
}
