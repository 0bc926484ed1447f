"""A batch of a table's rows after a merge, by the same rules as in a database."""

from __future__ import annotations

import dataclasses
from typing import Any

from airflow_provider_hvsms.sinks.schema import LOADED_AT, Layout


@dataclasses.dataclass(frozen=True)
class MergedRows:
    """A record batch of merged rows.

    :param updated: how many of the rows changed.
    """

    batch: Any
    updated: int

    @staticmethod
    def of(old: Any, new: Any, positions: Any, layout: Layout[Any], arrow: Any) -> MergedRows:
        """Merge rows: the newer state's values, and those that are kept. An unchanged row keeps its `loaded_at`.

        :param old: the table's rows.
        :param new: rows of a load.
        :param positions: for each old row the position of its new state in `new`, or null.
        """
        if positions.null_count == len(positions):
            return MergedRows(old, 0)
        compute, new = arrow.compute, new.take(positions)
        older = _is_older(old, new, layout, arrow)
        takes_new = compute.and_(positions.is_valid(), compute.invert(older))
        changed, columns = arrow.scalar(False), {}
        for name in layout.names:
            if name in (*layout.key, LOADED_AT.name):
                continue
            before, after = old.column(name), new.column(name)
            if name in layout.kept:
                preferred, other = compute.if_else(older, before, after), compute.if_else(older, after, before)
                columns[name] = compute.coalesce(preferred, other)
            else:
                columns[name] = compute.if_else(takes_new, after, before)
            changed = compute.or_(changed, _is_distinct(columns[name], before, arrow))
        columns[LOADED_AT.name] = compute.if_else(changed, new.column(LOADED_AT.name), old.column(LOADED_AT.name))
        arrays = [columns.get(name, old.column(name)) for name in old.schema.names]
        updated = compute.sum(changed.cast(arrow.int64())).as_py() or 0
        return MergedRows(arrow.RecordBatch.from_arrays(arrays, schema=old.schema), updated)


def _is_older(old: Any, new: Any, layout: Layout[Any], arrow: Any) -> Any:
    """Whether each new row is an older state than the existing one. A state without a version is the oldest."""
    compute = arrow.compute
    if layout.version is None:
        return arrow.repeat(False, old.num_rows)
    before, after = old.column(layout.version), new.column(layout.version)
    return compute.coalesce(compute.less(after, before), before.is_valid())


def _is_distinct(one: Any, other: Any, arrow: Any) -> Any:
    """Whether values differ, where null equals null."""
    compute = arrow.compute
    return compute.coalesce(compute.not_equal(one, other), compute.xor(one.is_null(), other.is_null()))
