"""The unique key of an existing table by which rows are merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_hvsms.sinks.schema import Layout
from airflow_provider_hvsms.sinks.sql.existing_columns import ExistingColumn


def usable_keys(
    keys: Iterable[set[str]], columns: Mapping[str, ExistingColumn], layout: Layout[Any]
) -> list[tuple[str, ...]]:
    """The keys by which records can be merged, the smallest first.

    A key may hold more columns than the layout's if they are always the same for one record, and never null, because a
    unique key does not compare nulls. That of a partitioned table holds the column that the table is partitioned by.

    :param keys: the sets of columns that are unique in the table.
    :param columns: those of the table.
    """
    own = set(layout.key)
    allowed = own | {name for name in layout.immutable if name in columns and not columns[name].is_nullable}
    usable = [key for key in keys if own <= key <= allowed]
    return [tuple(name for name in layout.names if name in key) for key in sorted(usable, key=len)]
