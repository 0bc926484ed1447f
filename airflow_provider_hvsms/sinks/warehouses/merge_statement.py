"""The text of a MERGE: of two states of a record the newer one stays, and unchanged rows are not touched.

The rules are those of `sinks/sql/upsert.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from airflow_provider_hvsms.sinks.schema import LOADED_AT, Column, ColumnType, Layout

SEQUENCE = Column("hvsms_sequence", ColumnType.INTEGER)
"""The staging column that numbers the rows in the order in which they were read."""


class SqlSyntax(Protocol):
    """What differs between the warehouses' SQL."""

    def quote(self, name: str) -> str:
        """A column's name."""

    def parse_json(self, text: str) -> str:
        """The JSON value of an expression, or a JSON string if the text is not valid JSON."""

    def json_text(self, value: str) -> str:
        """A JSON value as text that is equal for equal values."""


def merge_statement(
    target: str,
    stage: str,
    layout: Layout[Any],
    syntax: SqlSyntax,
    *,
    json_columns: Collection[str] = (),
    condition: str = "",
) -> str:
    """A MERGE of the newest staged state of each record.

    :param target: the target's name as SQL.
    :param stage: the staging table's name as SQL.
    :param json_columns: the target's columns that hold JSON values; staged JSON is text.
    :param condition: a further condition that finds the existing row of a record, for example to prune partitions;
        the rows are `existing` and `staged`. It must hold for each pair of rows with the same key.
    """
    quote, json_names = syntax.quote, frozenset(json_columns)
    names = ", ".join(map(quote, layout.names))
    same_key = " AND ".join(f"existing.{quote(name)} = staged.{quote(name)}" for name in layout.key)
    values = _merged_values(layout, syntax)
    changed = " OR ".join(
        _is_distinct(value, f"existing.{quote(name)}", syntax if name in json_names else None)
        for name, value in values.items()
    )
    updates = {**values, LOADED_AT.name: f"staged.{quote(LOADED_AT.name)}"}
    return (
        f"MERGE INTO {target} AS existing\n"
        f"USING ({newest_rows(stage, layout, syntax, json_names)}) AS staged\n"
        f"ON {same_key}{f' AND {condition}' if condition else ''}\n"
        f"WHEN MATCHED AND ({changed}) THEN UPDATE SET "
        f"{', '.join(f'{quote(name)} = {value}' for name, value in updates.items())}\n"
        f"WHEN NOT MATCHED THEN INSERT ({names}) "
        f"VALUES ({', '.join(f'staged.{quote(name)}' for name in layout.names)})"
    )


def newest_rows(stage: str, layout: Layout[Any], syntax: SqlSyntax, json_columns: Collection[str] = ()) -> str:
    """A SELECT of one staged row for each record: a record can occur twice, because pages shift while they are read."""
    quote = syntax.quote
    columns = [
        f"{syntax.parse_json(quote(name))} AS {quote(name)}" if name in json_columns else quote(name)
        for name in layout.names
    ]
    order = [f"{quote(layout.version)} DESC NULLS LAST"] if layout.version else []
    order.append(f"{quote(SEQUENCE.name)} DESC")
    return (
        f"SELECT {', '.join(columns)} FROM {stage} WHERE TRUE "
        f"QUALIFY ROW_NUMBER() OVER (PARTITION BY {', '.join(map(quote, layout.key))} ORDER BY {', '.join(order)}) = 1"
    )


def count_records(stage: str, layout: Layout[Any], syntax: SqlSyntax) -> str:
    """A SELECT of the number of records in a staging table."""
    key = ", ".join(map(syntax.quote, layout.key))
    return f"SELECT COUNT(*) FROM (SELECT DISTINCT {key} FROM {stage}) AS records"


def _merged_values(layout: Layout[Any], syntax: SqlSyntax) -> dict[str, str]:
    """The values of an existing row after a merge, without key and `loaded_at`: the newer state's, and what is kept."""
    older = _is_older(layout, syntax)
    values = {}
    for name in layout.names:
        if name in (*layout.key, LOADED_AT.name):
            continue
        new, old = f"staged.{syntax.quote(name)}", f"existing.{syntax.quote(name)}"
        if name in layout.kept:
            newer, fallback = f"COALESCE({new}, {old})", f"COALESCE({old}, {new})"
        else:
            newer, fallback = new, old
        values[name] = f"CASE WHEN {older} THEN {fallback} ELSE {newer} END" if older else newer
    return values


def _is_older(layout: Layout[Any], syntax: SqlSyntax) -> str:
    """Whether the staged state is older than the existing one. A state without a version is the oldest."""
    if layout.version is None:
        return ""
    new, old = f"staged.{syntax.quote(layout.version)}", f"existing.{syntax.quote(layout.version)}"
    return f"{old} IS NOT NULL AND ({new} IS NULL OR {new} < {old})"


def _is_distinct(one: str, other: str, json_syntax: SqlSyntax | None) -> str:
    if json_syntax:
        one, other = json_syntax.json_text(one), json_syntax.json_text(other)
    return f"{one} IS DISTINCT FROM {other}"
