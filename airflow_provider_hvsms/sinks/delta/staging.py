"""The rows of a load on the local disk, until they are merged."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

from airflow_provider_hvsms.sinks.delta.keys import key_array
from airflow_provider_hvsms.sinks.delta.partition import Partition, hours_of
from airflow_provider_hvsms.sinks.record_batches import RecordBatches
from airflow_provider_hvsms.sinks.schema import Layout, Row

_OLDEST = -(2**63)

Hour = int | None
"""`None` for all rows of a table without partitions."""


class StagedRows:
    """Rows in a temporary file without a name, which goes away even when the process is killed.

    They can be read back by the hour of their partition's time, so that memory holds only the rows of some hours.
    """

    def __init__(self, layout: Layout[Any], partition: Partition | None, arrow: Any) -> None:
        self._layout = layout
        self._partition = partition
        self._arrow = arrow
        self._batches = RecordBatches(layout.columns, arrow)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by discard
        self._writer = arrow.ipc.new_file(self._file, self._batches.schema)
        self._reader: Any = None
        self._numbers: dict[Hour, list[int]] = {}
        self._count = 0

    @property
    def schema(self) -> Any:
        return self._batches.schema

    @property
    def hours(self) -> list[Hour]:
        """The hours that have rows, in order."""
        return sorted(self._numbers, key=lambda hour: hour or 0)

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows; they cannot be added once `read` was called."""
        if not rows:
            return
        batch = self._batches.of_rows(rows)
        if self._partition is None:
            self._write(None, batch)
            return
        hours = hours_of(batch.column(self._partition.source), self._arrow)
        compute = self._arrow.compute
        for hour in compute.unique(hours).to_pylist():
            self._write(hour, batch.filter(compute.equal(hours, hour)))

    def read(self, hour: Hour) -> Any:
        """The rows of an hour as one record batch, with the newest state of each key."""
        if self._reader is None:
            self._writer.close()
            self._file.seek(0)
            self._reader = self._arrow.ipc.open_file(self._file)
        found = [self._reader.get_batch(number) for number in self._numbers[hour]]
        return newest_states(self._arrow.concat_batches(found), self._layout, self._arrow)

    def discard(self) -> None:
        """Delete the rows."""
        self._file.close()

    def _write(self, hour: Hour, batch: Any) -> None:
        self._writer.write_batch(batch)
        self._numbers.setdefault(hour, []).append(self._count)
        self._count += 1


def newest_states(batch: Any, layout: Layout[Any], arrow: Any) -> Any:
    """One row for each key, in the order of the rows: the newest state, and of equally new ones the last.

    A record can occur twice, because pages shift while they are read. A state without a version is the oldest.
    """
    compute = arrow.compute
    keys = key_array(batch, layout, arrow)
    if compute.count_distinct(keys).as_py() == batch.num_rows:
        return batch
    sequence = arrow.array(range(batch.num_rows), arrow.int64())
    versions = (
        batch.column(layout.version).cast(arrow.int64())
        if layout.version
        else arrow.nulls(batch.num_rows, arrow.int64())
    )
    order = arrow.table({"version": compute.fill_null(versions, _OLDEST), "sequence": sequence})
    oldest_first = compute.sort_indices(order, sort_keys=[("version", "ascending"), ("sequence", "ascending")])
    ranked = arrow.table({"key": keys.take(oldest_first), "rank": sequence})
    newest = ranked.group_by("key").aggregate([("rank", "max")]).column("rank_max").combine_chunks()
    chosen = oldest_first.take(newest)
    return batch.take(chosen.take(compute.sort_indices(chosen)))
