"""A table of a connection -> a sink, whatever the database or warehouse."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from airflow_provider_hvsms.sinks.schema import Layout, OnSchemaChange, Sink
from airflow_provider_hvsms.sinks.sql.sink import open_table
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from airflow_provider_hvsms.sinks.warehouses.sink import open_warehouse_table
from airflow_provider_hvsms.utils.connections import as_sql_hook, get_hook


def open_table_of(
    sql_conn_id: str,
    table: str,
    layout: Layout[Any],
    *,
    with_rejects: bool = False,
    on_schema_change: OnSchemaChange | str = "add",
) -> AbstractContextManager[Sink]:
    """Check the table and make it ready to take rows. Left without `finish`, it is as it was.

    The arguments are those of `open_table`.

    :param sql_conn_id: a connection whose hook is a common-sql hook, or one of a warehouse.
    """
    hook = get_hook(sql_conn_id)
    if warehouse := find_warehouse(hook):
        return open_warehouse_table(
            warehouse, table, layout, with_rejects=with_rejects, on_schema_change=on_schema_change
        )
    sql_hook = as_sql_hook(sql_conn_id, hook)
    return open_table(sql_hook, table, layout, with_rejects=with_rejects, on_schema_change=on_schema_change)
