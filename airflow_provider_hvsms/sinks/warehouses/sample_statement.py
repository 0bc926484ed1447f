"""The text of a SELECT of a few rows."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_hvsms.sinks.warehouses.merge_statement import SqlSyntax


def sample_statement(table: str, columns: Sequence[str], count: int, syntax: SqlSyntax, *, not_null: bool) -> str:
    """A SELECT of some columns of any rows, which ends as soon as it has enough of them.

    :param table: its name as SQL.
    :param not_null: only rows in which one of the columns is not null.
    """
    names = [syntax.quote(name) for name in columns]
    where = f" WHERE {' OR '.join(f'{name} IS NOT NULL' for name in names)}" if not_null else ""
    return f"SELECT {', '.join(names)} FROM {table}{where} LIMIT {count}"
