"""Snowflake's SQL: names, types, and what a column of an existing table can hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.schema import Column, ColumnType, Layout
from airflow_provider_hvsms.sinks.sql.sql_types import DECIMAL_PLACES, TypeFamily
from airflow_provider_hvsms.sinks.warehouses.warehouse import ExistingColumn

MAX_NAME_LENGTH = 255 - len("_rejects")

SESSION_PARAMETERS = {
    "ABORT_DETACHED_QUERY": "FALSE",
    "AUTOCOMMIT": "TRUE",
    "ERROR_ON_NONDETERMINISTIC_MERGE": "TRUE",
    "LOCK_TIMEOUT": "900",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": "FALSE",
    "ROWS_PER_RESULTSET": "0",
    "TIMESTAMP_INPUT_FORMAT": "'AUTO'",
    "TIMEZONE": "'UTC'",
    "TRANSACTION_ABORT_ON_ERROR": "TRUE",
}
"""Settings of the account, the user or the connection that a load must not depend on."""

FILE_FORMAT = (
    "TYPE = CSV COMPRESSION = GZIP SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"' "
    "ESCAPE_UNENCLOSED_FIELD = NONE NULL_IF = () EMPTY_FIELD_AS_NULL = TRUE"
)
"""Without these, a text such as `\\N` would become null, and a backslash would escape what follows it."""


class SnowflakeSyntax:
    """`SqlSyntax` of Snowflake. Unquoted names are stored in upper case; quoting them so allows reserved words."""

    def quote(self, name: str) -> str:
        return quote(name)

    def parse_json(self, text: str) -> str:
        return f"COALESCE(TRY_PARSE_JSON({text}), TO_VARIANT({text}))"

    def json_text(self, value: str) -> str:
        return f"TO_JSON({value})"

    def utc_day(self, timestamp: str) -> str:
        # A timestamp without a time zone is one of the session, which is UTC.
        return f"TO_DATE(CONVERT_TIMEZONE('UTC', {timestamp}))"

    def timestamp(self, value: datetime) -> str:
        return f"CAST('{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} +0000' AS TIMESTAMP_TZ)"


SYNTAX = SnowflakeSyntax()


def quote(name: str) -> str:
    """A name that is written without quotes, as Snowflake stores it."""
    return f'"{name.upper()}"'


def quote_stored(name: str) -> str:
    """A name as it is stored, such as `CURRENT_SCHEMA()`."""
    return '"' + name.replace('"', '""') + '"'


def parse_name(table: str) -> list[str]:
    """The parts of `table`, `schema.table` or `database.schema.table`.

    :raises TableMismatch: it is not such a name.
    """
    parts = table.split(".")
    if len(parts) > _MAX_PARTS or not all(_IDENTIFIER.fullmatch(part) for part in parts):
        raise TableMismatch(
            f"table is {table!r}. For Snowflake it must be a name, `schema.table` or `database.schema.table`, each of "
            "letters, digits, `_` and `$`, and not starting with a digit."
        )
    if len(parts[-1]) > MAX_NAME_LENGTH:
        raise TableMismatch(
            f"table is {table!r}, which is longer than {MAX_NAME_LENGTH} characters. Use a shorter name."
        )
    return parts


_MAX_PARTS = 3
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def table_columns(layout: Layout[Any]) -> str:
    """The columns of a target, with its key, which Snowflake does not enforce."""
    columns = [
        f"{quote(column.name)} {_TYPES[column.type]}{' NOT NULL' if column.name in layout.key else ''}"
        for column in layout.columns
    ]
    return ", ".join([*columns, f"PRIMARY KEY ({', '.join(map(quote, layout.key))})"])


def stage_columns(columns: Sequence[Column]) -> str:
    """The columns of a staging table: JSON is text."""
    return ", ".join(f"{quote(column.name)} {_STAGE_TYPES[column.type]}" for column in columns)


def column_type(column: Column) -> str:
    """The type of a column that a load creates."""
    return _TYPES[column.type]


def existing_column(sql_type: str, *, needs_value: bool) -> ExistingColumn:
    """What a column can hold, given its type in the words of `DESCRIBE TABLE`."""
    matched = _TYPE.fullmatch(sql_type.upper())
    name, scale = (matched["name"], matched["scale"]) if matched else (sql_type.upper(), None)
    family = _FAMILIES.get(name, TypeFamily.OTHER)
    if scale is not None and int(scale) < DECIMAL_PLACES:
        family = _ROUNDED.get(family, family)
    return ExistingColumn(sql_type=sql_type, family=family, is_json=name == "VARIANT", needs_value=needs_value)


_TYPES = {
    ColumnType.ID: "VARCHAR",
    ColumnType.TEXT: "VARCHAR",
    ColumnType.INTEGER: "NUMBER(38, 0)",
    ColumnType.DECIMAL: f"NUMBER(18, {DECIMAL_PLACES})",
    ColumnType.TIMESTAMP: "TIMESTAMP_TZ",
    ColumnType.JSON: "VARIANT",
}
_STAGE_TYPES = {**_TYPES, ColumnType.JSON: "VARCHAR"}

_TYPE = re.compile(r"(?P<name>[A-Z_ ]+?)(\((\d+,\s*)?(?P<scale>\d+)\))?")
"""The last number of a type is its scale; for a text it is the length, which does not matter here."""

_FAMILIES = {
    **dict.fromkeys(("VARCHAR", "CHAR", "STRING", "TEXT"), TypeFamily.TEXT),
    **dict.fromkeys(("NUMBER", "DECIMAL", "FLOAT", "DOUBLE", "DECFLOAT"), TypeFamily.NUMBER),
    **dict.fromkeys(("TIMESTAMP_TZ", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ"), TypeFamily.TIMESTAMP),
}
_ROUNDED = {
    TypeFamily.NUMBER: TypeFamily.ROUNDED_NUMBER,
    TypeFamily.TIMESTAMP: TypeFamily.ROUNDED_TIMESTAMP,
}
