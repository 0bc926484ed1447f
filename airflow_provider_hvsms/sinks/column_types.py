"""What a column is in each database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from airflow_provider_hvsms.sinks.rows import Kind


class UtcTime(sa.types.TypeDecorator[datetime]):
    """UTC with its zone where the database keeps one for sure (PostgreSQL), else UTC without."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.engine.Dialect) -> sa.types.TypeEngine[Any]:
        """MySQL drops the fractions of seconds unless it is told to keep them."""
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
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


_MYSQL = ("mysql", "mariadb")
# Whatever the database's own character set is; and 'Sent' is not 'sent'.
_EXACT: dict[str, Any] = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}

COLUMN_TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    # MySQL and others need a length for a key, and the four of the statuses must not be too long together.
    Kind.ID: _variants(
        _variants(sa.String(180), sa.Text(), ("postgresql", "sqlite", "duckdb")), mysql.VARCHAR(180, **_EXACT), _MYSQL
    ),
    Kind.TEXT: _variants(sa.Text(), mysql.TEXT(**_EXACT), _MYSQL),
    Kind.WHOLE_NUMBER: sa.BigInteger(),
    Kind.MONEY: sa.Numeric(12, 6),
    Kind.TIME: UtcTime(),
    Kind.JSON: _variants(sa.Text(), mysql.LONGTEXT(**_EXACT), _MYSQL),
}
