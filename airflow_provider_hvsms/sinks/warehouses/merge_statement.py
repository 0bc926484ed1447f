"""The text of a MERGE: of two states of a record the newer one stays, and unchanged rows are not touched.

The rules are those of `sinks/sql/upsert.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
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

    def utc_day(self, timestamp: str) -> str:
        """The day in UTC of a timestamp."""

    def timestamp(self, value: datetime) -> str:
        """A constant."""


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
    values = ", ".join(f"staged.{quote(name)}" for name in layout.names)
    same_key = " AND ".join(f"existing.{quote(name)} = staged.{quote(name)}" for name in layout.key)
    return "\n".join(
        [
            f"MERGE INTO {target} AS existing",
            f"USING ({newest_rows(stage, layout, syntax, json_names)}) AS staged",
            f"ON {same_key}{f' AND {condition}' if condition else ''}",
            *_updates(layout, syntax, json_names),
            f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})",
        ]
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


def _updates(layout: Layout[Any], syntax: SqlSyntax, json_columns: Collection[str]) -> list[str]:
    """What happens to an existing row: a newer state replaces it, an older one adds kept values that it lacks."""
    names = [name for name in layout.names if name not in (*layout.key, LOADED_AT.name)]
    new = {name: f"staged.{syntax.quote(name)}" for name in layout.names}
    old = {name: f"existing.{syntax.quote(name)}" for name in layout.names}
    values = {name: f"COALESCE({new[name]}, {old[name]})" if name in layout.kept else new[name] for name in names}
    changed = " OR ".join(
        _is_distinct(values[name], old[name], syntax if name in json_columns else None) for name in names
    )
    if layout.version is None:
        return [_update(f"({changed})", {**values, LOADED_AT.name: new[LOADED_AT.name]}, syntax)]
    new_version, old_version = new[layout.version], old[layout.version]
    # A state without a version is the oldest.
    newer = f"({old_version} IS NULL OR {new_version} >= {old_version}) AND ({changed})"
    updates = [_update(newer, {**values, LOADED_AT.name: new[LOADED_AT.name]}, syntax)]
    if kept := [name for name in names if name in layout.kept]:
        older = f"{old_version} IS NOT NULL AND ({new_version} IS NULL OR {new_version} < {old_version})"
        lacking = " OR ".join(f"{old[name]} IS NULL AND {new[name]} IS NOT NULL" for name in kept)
        added = {name: f"COALESCE({old[name]}, {new[name]})" for name in kept}
        updates.append(_update(f"{older} AND ({lacking})", {**added, LOADED_AT.name: new[LOADED_AT.name]}, syntax))
    return updates


def _update(condition: str, values: Mapping[str, str], syntax: SqlSyntax) -> str:
    assignments = ", ".join(f"{syntax.quote(name)} = {value}" for name, value in values.items())
    return f"WHEN MATCHED AND {condition} THEN UPDATE SET {assignments}"


def _is_distinct(one: str, other: str, json_syntax: SqlSyntax | None) -> str:
    if json_syntax:
        one, other = json_syntax.json_text(one), json_syntax.json_text(other)
    return f"{one} IS DISTINCT FROM {other}"
