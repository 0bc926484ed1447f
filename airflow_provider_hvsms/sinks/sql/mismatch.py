"""The errors of a table that exists and that the rows do not fit into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.schema import Layout


def table_mismatch(target: sa.Table, problem: str, remedy: str) -> TableMismatch:
    """The error of an existing table that the rows do not fit into.

    :param problem: continues "Table … exists, but ".
    """
    return TableMismatch(f"Table {target.fullname!r} exists, but {problem}. Nothing was written. {remedy}")


def missing_key(target: sa.Table, layout: Layout[Any]) -> TableMismatch:
    """The error of an existing table without the unique key that an upsert needs."""
    problem = f"has no primary key or unique constraint on ({', '.join(layout.key)}), which an upsert needs"
    remedy = "Add one."
    if layout.immutable:
        remedy += f" It may hold more columns of these, if they are NOT NULL: {_listed(layout.immutable)}."
    return table_mismatch(target, problem, remedy)


def missing_columns(target: sa.Table, names: Iterable[str]) -> TableMismatch:
    """The error of an existing table that lacks columns which are not to be added."""
    return table_mismatch(
        target,
        f"lacks {_listed(names)}, and on_schema_change='fail' adds no column",
        "Add what it lacks as documented, or set on_schema_change='add'.",
    )


def foreign_table(target: sa.Table, lacking: Iterable[str], others: Iterable[str]) -> TableMismatch:
    """The error of an existing table that was made for something else."""
    also = f" and also has {_listed(others)}" if others else ""
    return table_mismatch(
        target,
        f"with other columns: it lacks {_listed(lacking)}{also}",
        "Use another table, or change this one to the documented columns.",
    )


def unfilled_columns(target: sa.Table, names: Iterable[str]) -> TableMismatch:
    """The error of an existing table whose user's columns need a value of each row."""
    return table_mismatch(
        target,
        f"has columns that no load fills and that are NOT NULL without a default: {_listed(names)}",
        "Give them a default, or make them nullable.",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
