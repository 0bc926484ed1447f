"""Loads into Delta tables, and their contents as deltalake reads them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from airflow.providers.common.compat.sdk import ObjectStoragePath
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from airflow_provider_hvsms.sinks.delta.sink import open_delta
from airflow_provider_hvsms.sinks.delta.storage_options import locate
from airflow_provider_hvsms.sinks.schema import MESSAGES, Changes, Layout, Row


def load(
    path: ObjectStoragePath,
    rows: list[Row],
    *,
    rejects: list[Row] | None = None,
    layout: Layout[Any] = MESSAGES,
    **options: Any,
) -> Changes:
    """Load the rows from start to finish."""
    with open_delta(path, layout, with_rejects=rejects is not None, **options) as sink:
        sink.add(rows, rejects or [])
        return sink.finish({"rows": len(rows)})


def table(path: ObjectStoragePath) -> DeltaTable:
    location = locate(path)
    return DeltaTable(location.uri, storage_options=dict(location.options))


def exists(path: ObjectStoragePath) -> bool:
    try:
        return bool(table(path).version() >= 0)
    except TableNotFoundError:
        return False


def all_rows(found: DeltaTable) -> pa.Table:
    """All rows of a table.

    Not `to_pyarrow_table`, whose threads often abort the process when it ends.
    """
    rows = QueryBuilder().register("found", found).execute("SELECT * FROM found").read_all()
    return pa.table(rows).cast(pa.schema(found.schema().to_arrow()))


def contents(path: ObjectStoragePath, *columns: str) -> list[tuple[Any, ...]]:
    """The values of some columns in all rows, in order."""
    found = all_rows(table(path))
    return sorted(zip(*(found.column(name).to_pylist() for name in columns), strict=True), key=str)


def data_files(path: ObjectStoragePath) -> set[str]:
    """The paths of the files that the table consists of."""
    return set(pa.table(table(path).get_add_actions()).column("path").to_pylist())
