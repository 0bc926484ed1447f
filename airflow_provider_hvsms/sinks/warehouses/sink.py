"""Loads rows into a warehouse's table by way of a staging table.

While pages arrive, each complete part of the rows is loaded into the staging table, and the target is not touched. At
the end one transaction merges the staged rows into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from airflow_provider_hvsms.api.errors import CommitUnknown, LoadFailed, LoadRefused
from airflow_provider_hvsms.sinks.schema import REJECTS, Changes, Layout, OnSchemaChange, Row
from airflow_provider_hvsms.sinks.warehouses.target import Target
from airflow_provider_hvsms.sinks.warehouses.warehouse import Warehouse


@contextmanager
def open_warehouse_table(
    warehouse: Warehouse,
    table: str,
    layout: Layout[Any],
    *,
    with_rejects: bool = False,
    on_schema_change: OnSchemaChange | str = "add",
) -> Iterator[WarehouseSink]:
    """Check the table and prepare to take rows. If the block ends without `finish`, the table's rows do not change.

    A merge of no rows is tried first, so that a missing right or a column of another type shows before anything is
    read.

    :param table: the table's name, as `Warehouse.check` takes it.
    :param with_rejects: keep a second table, `<table>_rejects`, for records that could not be read.
    :param on_schema_change: `add` (default) adds our columns that the table lacks, before anything is read; `fail`
        refuses the table.
    :raises TableMismatch: the table exists with other types, a column that needs a value or rows of another
        `personal_data`, or its name is not valid.
    :raises LoadRefused: the warehouse refused a request, and would refuse it again.
    :raises LoadFailed: a request failed for a reason that can pass.
    """
    with explained_errors(warehouse, table), warehouse.session():
        warehouse.check(table)
        layouts = {table: layout, **({warehouse.rejects_name(table): REJECTS} if with_rejects else {})}
        targets = [Target(warehouse, name, one, on_schema_change) for name, one in layouts.items()]
        sink = WarehouseSink(warehouse, targets)
        try:
            sink.prepare()
            yield sink
        finally:
            sink.close()


class WarehouseSink:
    """Stages rows and merges them into the target at the end: all of them or none.

    :param targets: the table, and the one of its rejects if there is one.
    """

    def __init__(self, warehouse: Warehouse, targets: Sequence[Target]) -> None:
        self._warehouse = warehouse
        self._targets = targets

    def prepare(self) -> None:
        """Check the targets, create the staging tables, and try a merge of no rows."""
        for target in self._targets:
            target.check()
        for target in self._targets:
            target.open_stage()
            if target.exists:
                self._warehouse.check_merge(target.merge)

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        for target, some in zip(self._targets, (rows, rejects), strict=False):
            target.parts.add(some)
        self._warehouse.keep_alive()

    def finish(self, summary: Mapping[str, Any]) -> Changes:
        for target in self._targets:
            target.parts.finish()
        for target in self._targets:
            if not target.exists:
                target.create()
            if target.parts.rows:
                # Another load may have filled the table since it was checked.
                target.check_personal_data()
        with_rows = [target.merge for target in self._targets if target.parts.rows]
        changes = self._warehouse.merge(with_rows) if with_rows else _NO_CHANGES
        return changes if self._targets[0].parts.rows else _NO_CHANGES

    def close(self) -> None:
        """Drop the staging tables. If the connection is lost, they vanish by themselves."""
        for target in self._targets:
            with suppress(*self._warehouse.driver_errors):
                target.close_stage()


_NO_CHANGES = Changes(inserted=0, updated=0, unchanged=0)


@contextmanager
def explained_errors(warehouse: Warehouse, table: str) -> Iterator[None]:
    """Raise errors of the driver as errors of this package."""
    try:
        yield
    except CommitUnknown as unknown:
        cause = unknown.__cause__
        reason = warehouse.describe_error(cause) if isinstance(cause, Exception) else "no answer"
        raise LoadFailed(
            f"{_describe(warehouse, table, reason)} The load was being committed, so its rows may or may not have been "
            "written. Run it again: the table will be the same in both cases."
        ) from None
    except warehouse.driver_errors as error:
        error_type = LoadRefused if warehouse.is_permanent(error) else LoadFailed
        reason = warehouse.describe_error(error)
        raise error_type(f"{_describe(warehouse, table, reason)} The table's rows were not changed.") from None


def _describe(warehouse: Warehouse, table: str, reason: str) -> str:
    return f"A statement for table {table!r} failed in {warehouse.name}: {reason}."
