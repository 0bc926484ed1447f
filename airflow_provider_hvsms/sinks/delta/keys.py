"""The key of each row as one value, so that rows can be looked up by it."""

from __future__ import annotations

from typing import Any

from airflow_provider_hvsms.sinks.schema import Layout

_SEPARATOR = "\0"


def key_array(batch: Any, layout: Layout[Any], arrow: Any) -> Any:
    """An array with the key of each row of a record batch; several columns are joined to one string."""
    columns = [batch.column(name) for name in layout.key]
    if len(columns) == 1:
        return columns[0]
    # A time becomes its number of microseconds first: as text it would depend on the time zone database.
    integers = [column.cast(arrow.int64()) if arrow.types.is_timestamp(column.type) else column for column in columns]
    texts = [column.cast(arrow.string()) for column in integers]
    return arrow.compute.binary_join_element_wise(*texts, _SEPARATOR)
