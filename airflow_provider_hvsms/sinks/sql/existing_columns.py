"""The columns of a table that exists."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


@dataclasses.dataclass(frozen=True)
class ExistingColumn:
    """A column of a table that exists.

    :param is_nullable: whether it accepts null.
    :param is_filled: whether a row that names no value for it gets one: by a default, or because it is generated.
    """

    is_nullable: bool
    is_filled: bool

    @property
    def needs_value(self) -> bool:
        """Whether a row that names no value for it is refused."""
        return not self.is_nullable and not self.is_filled


def inspect_columns(connection: sa.engine.Connection, table: sa.Table) -> dict[str, ExistingColumn]:
    """The table's columns by name, as SQLAlchemy finds them; empty if the table does not exist."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name, schema=table.schema):
        return {}
    columns: list[Any] = inspector.get_columns(table.name, schema=table.schema)
    return {column["name"]: ExistingColumn(bool(column["nullable"]), _is_filled(column)) for column in columns}


def _is_filled(column: Mapping[str, Any]) -> bool:
    has_value = column.get("default") is not None or "computed" in column or "identity" in column
    # SQLite's are `auto` for every column; one that is an INTEGER PRIMARY KEY numbers its rows.
    numbers_rows = column.get("primary_key") == 1 and isinstance(column["type"], sa.Integer)
    return has_value or column.get("autoincrement") is True or numbers_rows
