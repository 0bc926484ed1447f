"""Loads of the tests, as a transfer does them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.sinks.schema import MESSAGES, Changes, Layout, Row
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from airflow_provider_hvsms.sinks.warehouses.sink import WarehouseSink, open_warehouse_table
from tests.emulators.snowflake.loading import LATER, SECOND_LOAD, interrupted, many, rows, unreadable

__all__ = ["LATER", "SECOND_LOAD", "interrupted", "load", "many", "open_table", "rows", "unreadable"]


def open_table(
    table: str = "sms.messages", layout: Layout[Any] = MESSAGES, **options: Any
) -> AbstractContextManager[WarehouseSink]:
    warehouse = find_warehouse(BaseHook.get_hook("warehouse"))
    assert warehouse is not None
    return open_warehouse_table(warehouse, table, layout, **options)


def load(
    batches: Iterable[list[Row]],
    *,
    table: str = "sms.messages",
    layout: Layout[Any] = MESSAGES,
    rejects: list[Row] | None = None,
    **options: Any,
) -> Changes:
    """Load batches of rows; with a list of rejects, into the table of rejects too."""
    with open_table(table, layout, with_rejects=rejects is not None, **options) as sink:
        for some in batches:
            sink.add(some, [])
        sink.add([], rejects or [])
        return sink.finish({})
