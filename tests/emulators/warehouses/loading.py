"""Loads of the tests, as a transfer does them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.sinks.schema import MESSAGES, Changes, Layout, Row
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from airflow_provider_hvsms.sinks.warehouses.sink import WarehouseSink, open_warehouse_table
from tests.support.messages import LOADED_AT, NOON, message

SECOND_LOAD = LOADED_AT + timedelta(days=1)
LATER = NOON + timedelta(hours=3)


def rows(*messages: Message, loaded_at: datetime = LOADED_AT) -> list[Row]:
    return MESSAGES.rows(messages, loaded_at)


def many(count: int, **fields: Any) -> list[Row]:
    """Rows that differ in their ids only."""
    [row] = rows(message(1, **fields))
    return [(f"{number:07d}", *row[1:]) for number in range(count)]


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


def unreadable() -> Iterator[list[Row]]:
    """Batches for a load that must fail before it reads any."""
    raise AssertionError("nothing may be read")
    yield []


def interrupted() -> Iterator[list[Row]]:
    """A batch, then an error."""
    yield rows(message(1, message_status="Delivered", last_modified_time=LATER), message(9))
    raise RuntimeError("the connection was lost")
