"""BigQuery's SQL: names, types, and the script that merges."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.schema import LOADED_AT, Column, ColumnType, Layout
from airflow_provider_hvsms.sinks.sql.sql_types import DECIMAL_PLACES, TypeFamily
from airflow_provider_hvsms.sinks.warehouses.merge_statement import merge_statement
from airflow_provider_hvsms.sinks.warehouses.warehouse import ExistingColumn, Merge

PRECISION = 18

MAX_CLUSTERING_COLUMNS = 4

FOUND = "hvsms_found"
"""The variable that holds what a script finds before it merges; the names of the others begin with it."""


class BigQuerySyntax:
    """`SqlSyntax` of BigQuery."""

    def quote(self, name: str) -> str:
        return f"`{name}`"

    def parse_json(self, text: str) -> str:
        # A number that no FLOAT64 holds exactly is rounded. TO_JSON of null would be a JSON null.
        parsed = f"SAFE.PARSE_JSON({text}, wide_number_mode => 'round')"
        return f"IF({text} IS NULL, NULL, COALESCE({parsed}, TO_JSON({text})))"

    def json_text(self, value: str) -> str:
        return f"TO_JSON_STRING({value})"

    def utc_day(self, timestamp: str) -> str:
        return f"DATE({timestamp}, 'UTC')"

    def timestamp(self, value: datetime) -> str:
        return timestamp(value)


SYNTAX = BigQuerySyntax()


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableName:
    """The three parts of a table's name."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"

    @property
    def sql(self) -> str:
        return f"`{self}`"


def parse_name(table: str, project: str, dataset: str | None) -> TableName:
    """The name of a table, given as `project.dataset.table`, `dataset.table`, or `table` if there is a default dataset.

    :raises TableMismatch: it is not such a name.
    """
    *named, own_name = table.rsplit(".", 2)
    if not named and not dataset and _TABLE.fullmatch(own_name):
        raise TableMismatch(
            f"table is {table!r}, which names no dataset. Write it as 'my_dataset.{table}', or as "
            f"'my-project.my_dataset.{table}' for another project than the connection's."
        )
    named_dataset = named[-1] if named else dataset or ""
    named_project = named[0] if len(named) > 1 else project
    if not (_PROJECT.fullmatch(named_project) and _DATASET.fullmatch(named_dataset) and _TABLE.fullmatch(own_name)):
        raise TableMismatch(
            f"table is {table!r}. For BigQuery it must be `dataset.table` or `project.dataset.table`. A dataset is of "
            "letters, digits and `_`; a table may also have `-` and spaces."
        )
    return TableName(project=named_project, dataset=named_dataset, table=own_name)


_PROJECT = re.compile(r"[A-Za-z0-9.:-]+")
_DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}")
_TABLE = re.compile(r"[\w -]{1,1000}")


def time_column(layout: Layout[Any]) -> str | None:
    """The column by whose days a table is partitioned; `None` if the layout has none that never changes."""
    return next((name for name in ("creation_time", "window_start") if name in layout.names), None)


def clustering(layout: Layout[Any]) -> list[str]:
    """The columns by which a table is clustered: the first ones of the key."""
    return [name for name in layout.key if name != time_column(layout)][:MAX_CLUSTERING_COLUMNS]


def field_type(column: Column, *, is_staged: bool = False) -> str:
    """The type of a column that a load creates; in a staging table, JSON is text."""
    return "STRING" if is_staged and column.type is ColumnType.JSON else _TYPES[column.type]


def added_column(column: Column) -> str:
    """A column in an `ALTER TABLE`."""
    parameters = f"({PRECISION}, {DECIMAL_PLACES})" if column.type is ColumnType.DECIMAL else ""
    return f"ADD COLUMN IF NOT EXISTS {SYNTAX.quote(column.name)} {_TYPES[column.type]}{parameters}"


def existing_column(field: Any) -> ExistingColumn:
    """What a column can hold, given its `SchemaField`."""
    name = field.field_type.upper()
    family = _FAMILIES.get(name, TypeFamily.OTHER)
    if name == "NUMERIC" and field.precision is not None and (field.scale or 0) < DECIMAL_PLACES:
        family = TypeFamily.ROUNDED_NUMBER
    is_array = field.mode == "REPEATED"
    return ExistingColumn(
        sql_type=f"ARRAY<{name}>" if is_array else name,
        family=TypeFamily.OTHER if is_array else family,
        is_json=name == "JSON" and not is_array,
        needs_value=field.mode == "REQUIRED" and field.default_value_expression is None,
    )


_TYPES = {
    ColumnType.ID: "STRING",
    ColumnType.TEXT: "STRING",
    ColumnType.INTEGER: "INT64",
    ColumnType.DECIMAL: "NUMERIC",
    ColumnType.TIMESTAMP: "TIMESTAMP",
    ColumnType.JSON: "JSON",
}

_FAMILIES = {
    "STRING": TypeFamily.TEXT,
    **dict.fromkeys(("INTEGER", "INT64"), TypeFamily.ROUNDED_NUMBER),
    **dict.fromkeys(("NUMERIC", "BIGNUMERIC", "FLOAT", "FLOAT64"), TypeFamily.NUMBER),
    "TIMESTAMP": TypeFamily.TIMESTAMP,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MergePlan:
    """One merge of a script.

    :param pruned_by: the column by which the target is partitioned, if it is one of the layout's.
    """

    merge: Merge
    target: str
    stage: str
    pruned_by: str | None


def merge_script(plans: Sequence[MergePlan], now: datetime) -> str:
    """One transaction that merges staged rows; its result has `records`, `existing` and `written` of the first plan.

    A record's row may be in another partition than the one of its staged state. So the script first finds the rows that
    have staged keys, and then merges into the span of time that holds both.
    """
    variables, statements = [], []
    for number, plan in enumerate(plans):
        found = f"{FOUND}_{number}"
        variables.append(f"DECLARE {found} STRUCT<records INT64, existing INT64, earliest TIMESTAMP, latest TIMESTAMP>")
        variables += [f"DECLARE {found}_{bound} TIMESTAMP" for bound in ("earliest", "latest")]
        statements += [
            f"SET {found} = ({find_rows(plan)})",
            *(f"SET {found}_{bound} = {found}.{bound}" for bound in ("earliest", "latest")),
            merge_in_span(plan, f"{found}_earliest", f"{found}_latest"),
        ]
    first = f"{FOUND}_0"
    return "".join(
        f"{statement};\n"
        for statement in (
            *variables,
            f"DECLARE {FOUND}_written INT64",
            "BEGIN TRANSACTION",
            *(statement for plan in plans for statement in _lock(plan.target, plan.merge, now)),
            *statements,
            f"SET {FOUND}_written = ({_count_written(plans[0], f'{first}_earliest', f'{first}_latest')})",
            "COMMIT TRANSACTION",
            f"SELECT {first}.records AS records, {first}.existing AS existing, {FOUND}_written AS written",
        )
    )


def find_rows(plan: MergePlan) -> str:
    """A SELECT of the number of staged records, how many have a row, and the first and the last time of all of these.

    Of the target it reads no column but the key and the time.
    """
    keys = [SYNTAX.quote(name) for name in plan.merge.layout.key]
    bounds = "CAST(NULL AS TIMESTAMP) AS earliest, CAST(NULL AS TIMESTAMP) AS latest"
    if plan.pruned_by:
        staged, existing = (f"{table}.{SYNTAX.quote(plan.pruned_by)}" for table in ("staged", "existing"))
        bounds = (
            f"MIN(LEAST({staged}, IFNULL({existing}, {staged}))) AS earliest, "
            f"MAX(GREATEST({staged}, IFNULL({existing}, {staged}))) AS latest"
        )
    return (
        "SELECT AS STRUCT COUNT(*) AS records, COUNTIF(is_existing) AS existing, "
        "MIN(earliest) AS earliest, MAX(latest) AS latest FROM ("
        f"SELECT LOGICAL_OR(existing.{keys[0]} IS NOT NULL) AS is_existing, {bounds} "
        f"FROM {plan.stage} AS staged LEFT JOIN {plan.target} AS existing "
        f"ON {' AND '.join(f'existing.{key} = staged.{key}' for key in keys)} "
        f"GROUP BY {', '.join(f'staged.{key}' for key in keys)})"
    )


def merge_in_span(plan: MergePlan, earliest: str, latest: str) -> str:
    """A MERGE that only reads the partitions of a span of time."""
    return merge_statement(
        plan.target,
        plan.stage,
        plan.merge.layout,
        SYNTAX,
        json_columns=plan.merge.json_columns,
        condition=_in_span(plan, earliest, latest),
    )


def timestamp(value: datetime) -> str:
    """A constant."""
    return f"TIMESTAMP '{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def _in_span(plan: MergePlan, earliest: str, latest: str) -> str:
    if plan.pruned_by is None:
        return ""
    column = f"existing.{SYNTAX.quote(plan.pruned_by)}"
    return f"({column} BETWEEN {earliest} AND {latest} OR {column} IS NULL)"


def _count_written(plan: MergePlan, earliest: str, latest: str) -> str:
    """A SELECT of the number of rows that this load inserted or updated."""
    loaded_at, in_span = SYNTAX.quote(LOADED_AT.name), _in_span(plan, earliest, latest)
    return (
        f"SELECT COUNT(*) FROM {plan.target} AS existing "
        f"WHERE existing.{loaded_at} = (SELECT MAX({loaded_at}) FROM {plan.stage})"
        f"{f' AND {in_span}' if in_span else ''}"
    )


def _lock(target: str, merge: Merge, now: datetime) -> list[str]:
    """Statements after which no other transaction can change a row of the target before this one ends.

    Transactions that only insert rows do not exclude each other, and two of them would insert one record twice. One
    that deletes a row excludes others that do: so each inserts a row first, which is never committed, and deletes it.
    """
    constants = {
        ColumnType.INTEGER: "0",
        ColumnType.DECIMAL: "0",
        ColumnType.TIMESTAMP: timestamp(now),
        ColumnType.JSON: "'null'",
    }
    values = {column.name: constants.get(column.type, "'hvsms_lock'") for column in merge.layout.columns}
    values |= dict.fromkeys(merge.json_columns, "JSON 'null'")
    found_by = dict.fromkeys((*merge.layout.key, *filter(None, [time_column(merge.layout)])))
    return [
        f"INSERT INTO {target} ({', '.join(map(SYNTAX.quote, values))}) VALUES ({', '.join(values.values())})",
        f"DELETE FROM {target} WHERE {' AND '.join(f'{SYNTAX.quote(name)} = {values[name]}' for name in found_by)}",
    ]


def own_name(table: str) -> str:
    """The name of a table without its project and dataset."""
    return table.rpartition(".")[2]
