"""The columns of a table that exists."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
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
    row_numbers = _row_numbers(columns)
    return {
        column["name"]: ExistingColumn(bool(column["nullable"]), _is_filled(column) or column["name"] in row_numbers)
        for column in columns
    }


def _is_filled(column: Mapping[str, Any]) -> bool:
    has_value = column.get("default") is not None or "computed" in column or "identity" in column
    return has_value or column.get("autoincrement") is True


def _row_numbers(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """SQLite's `INTEGER PRIMARY KEY`, which numbers the rows although nothing but its type says so."""
    key = [column for column in columns if column.get("primary_key")]
    return [column["name"] for column in key if len(key) == 1 and isinstance(column["type"], sa.Integer)]
