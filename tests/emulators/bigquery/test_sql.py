"""The SQL is accepted by ZetaSQL, the analyser of Google's SQL, which Google publishes and BigQuery shares.

The emulator translates SQL for another database, so it accepts some that BigQuery would not.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, OPT_OUTS, REJECTS, STATUSES, ColumnType, Layout
from airflow_provider_hvsms.sinks.warehouses import bigquery_sql as sql
from airflow_provider_hvsms.sinks.warehouses.merge_statement import SEQUENCE
from airflow_provider_hvsms.sinks.warehouses.warehouse import Merge

zetasql = pytest.importorskip("zetasql.api", reason="ZetaSQL is not installed: EMULATOR=bigquery scripts/setup")
types = pytest.importorskip("zetasql.types")

LAYOUTS: dict[str, Layout[Any]] = {
    "messages": MESSAGES,
    "batches": BATCHES,
    "statuses": STATUSES,
    "opt_outs": OPT_OUTS,
    "rejects": REJECTS,
}
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TARGET, STAGE = "my-project.sms.target", "my-project.sms.stage"


def analyzer(target: dict[str, str], stage: dict[str, str]) -> Any:
    """An analyser that knows two tables, given as types by the names of columns."""
    language = types.LanguageOptions.maximum_features()
    catalog = zetasql.CatalogBuilder("catalog")
    for name, columns in ((TARGET, target), (STAGE, stage)):
        table = zetasql.TableBuilder(name)
        for column, sql_type in columns.items():
            table = table.add_column(column, getattr(types.TypeKind, f"TYPE_{sql_type}"))
        catalog = catalog.add_table(table.build())
    functions = types.ZetaSQLBuiltinFunctionOptions(language_options=language)
    options = types.AnalyzerOptions(language_options=language)
    return zetasql.Analyzer(options, catalog.with_builtin_functions(functions).build())


def plan_of(layout: Layout[Any], *, pruned: bool) -> sql.MergePlan:
    json_columns = frozenset(column.name for column in layout.columns if column.type is ColumnType.JSON)
    merge = Merge(table="sms.target", stage=STAGE, rows=1, layout=layout, json_columns=json_columns)
    pruned_by = sql.time_column(layout) if pruned else None
    return sql.MergePlan(merge=merge, target=f"`{TARGET}`", stage=f"`{STAGE}`", pruned_by=pruned_by)


def types_of(layout: Layout[Any], **changed: str) -> dict[str, str]:
    return {**{column.name: sql.field_type(column) for column in layout.columns}, **changed}


def staged_types_of(layout: Layout[Any]) -> dict[str, str]:
    columns = (SEQUENCE, *layout.columns)
    return {column.name: sql.field_type(column, is_staged=True) for column in columns}


def statements_of(script: str) -> list[str]:
    """The statements that read or write tables, with a constant in place of each variable."""
    statements = []
    for statement in script.split(";\n"):
        assigned = re.fullmatch(r"SET \w+ = \((.*)\)", statement, re.DOTALL)
        query = assigned[1] if assigned else statement
        if query.startswith(("INSERT", "DELETE", "MERGE", "SELECT")):
            query = re.sub(r"hvsms_found_\d_(earliest|latest)", sql.timestamp(NOW), query)
            statements.append(re.sub(r"hvsms_found\w*(\.\w+)?", "1", query))
    return statements


@pytest.mark.parametrize("pruned", [True, False], ids=["partitioned", "not partitioned"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_each_statement_of_a_merge_is_accepted(name: str, pruned: bool) -> None:
    layout = LAYOUTS[name]
    checked = analyzer(types_of(layout), staged_types_of(layout))
    statements = statements_of(sql.merge_script([plan_of(layout, pruned=pruned)], NOW))
    assert len(statements) == 6
    for statement in statements:
        checked.analyze_statement(statement)


def test_script_of_two_merges_is_accepted() -> None:
    script = sql.merge_script([plan_of(MESSAGES, pruned=True), plan_of(REJECTS, pruned=True)], NOW)
    analyzer({"id": "STRING"}, {"id": "STRING"}).validate_script_syntax(script)


@pytest.mark.parametrize("column", [{"cost": "DOUBLE"}, {"cost": "BIGNUMERIC"}, {"segment_count": "NUMERIC"}])
def test_types_that_an_existing_table_may_have_are_accepted(column: dict[str, str]) -> None:
    checked = analyzer(types_of(MESSAGES, **column), staged_types_of(MESSAGES))
    for statement in statements_of(sql.merge_script([plan_of(MESSAGES, pruned=True)], NOW)):
        checked.analyze_statement(statement)


@pytest.mark.parametrize("column", [{"cost": "INT64"}, {"creation_time": "DATETIME"}, {"text": "JSON"}])
def test_types_that_are_refused_would_not_be_accepted(column: dict[str, str]) -> None:
    checked = analyzer(types_of(MESSAGES, **column), staged_types_of(MESSAGES))
    statement = sql.merge_in_span(plan_of(MESSAGES, pruned=False), "", "")
    with pytest.raises(Exception, match=r"(?i)type|signature|supertype|assign"):
        checked.analyze_statement(statement)


def test_columns_are_added_in_one_statement() -> None:
    added = ", ".join(map(sql.added_column, BATCHES.columns))
    checked = analyzer(types_of(BATCHES), staged_types_of(BATCHES))
    checked.analyze_statement(f"ALTER TABLE `{TARGET}` {added}")
