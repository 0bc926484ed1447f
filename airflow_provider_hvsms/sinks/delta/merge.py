"""What a load changes in a table: its staged rows against the table's data files, hour by hour."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_hvsms.sinks.delta.data_files import DataFile, DataFiles, DataFileWriter
from airflow_provider_hvsms.sinks.delta.folder import DeltaFolder
from airflow_provider_hvsms.sinks.delta.keys import key_array
from airflow_provider_hvsms.sinks.delta.merged_rows import MergedRows
from airflow_provider_hvsms.sinks.delta.partition import Partition, day_of, hours_of
from airflow_provider_hvsms.sinks.delta.staging import Hour, StagedRows
from airflow_provider_hvsms.sinks.delta.table import Snapshot
from airflow_provider_hvsms.sinks.schema import Changes, Layout

_ROWS_PER_BATCH = 16_000


@dataclasses.dataclass
class MergePlan:
    """The files that a load adds to a table and removes from it, and what that does.

    :param partitions: the values of the partition column in the load.
    """

    adds: list[Any] = dataclasses.field(default_factory=list)
    removes: list[DataFile] = dataclasses.field(default_factory=list)
    partitions: list[Mapping[str, str | None]] = dataclasses.field(default_factory=list)
    inserted: int = 0
    updated: int = 0
    matched: int = 0

    def is_valid_in(self, snapshot: Snapshot, latest: Snapshot) -> bool:
        """Whether a plan made for one state of a table can be committed to a later one."""
        return bool(snapshot.schema == latest.schema) and self._paths(snapshot) == self._paths(latest)

    def _paths(self, snapshot: Snapshot) -> set[str]:
        return {file.path for file in snapshot.files if file.partition in self.partitions}

    @property
    def changes(self) -> Changes:
        return Changes(inserted=self.inserted, updated=self.updated, unchanged=self.matched - self.updated)


class Merge:
    """Merges staged rows into the state of a table.

    A data file in which nothing changes stays as it is; another one is replaced. New rows go to new files. Memory holds
    a batch of a data file, and the staged rows of its hours.

    :param files: the table's data files.
    :param rows_per_file: maximum rows of a new file.
    """

    def __init__(
        self,
        staged: StagedRows,
        layout: Layout[Any],
        partition: Partition | None,
        *,
        folder: DeltaFolder,
        writer: DataFiles,
        files: Sequence[DataFile],
        rows_per_file: int,
        arrow: Any,
    ) -> None:
        self._staged = staged
        self._layout = layout
        self._partition = partition
        self._folder = folder
        self._writer = writer
        self._files = files
        self._rows_per_file = rows_per_file
        self._arrow = arrow
        self._plan = MergePlan()

    def run(self) -> MergePlan:
        """Write the new data files, and return what is to be committed."""
        for values, hours in self._partitions():
            self._plan.partitions.append(values)
            loaded = _LoadedHours(self._staged, self._layout, self._arrow)
            for file in self._files:
                if file.partition == values and _may_hold(file, hours):
                    self._merge_file(file, hours, loaded)
            self._insert(values, hours, loaded)
        return self._plan

    def _partitions(self) -> Iterator[tuple[Mapping[str, str | None], list[Hour]]]:
        """The values of the partition column, and the staged hours, of each partition that has staged rows."""
        if self._partition is None:
            if self._staged.hours:
                yield {}, self._staged.hours
            return
        days: dict[str, list[Hour]] = {}
        for hour in self._staged.hours:
            days.setdefault(str(day_of(hour or 0)), []).append(hour)
        for day, hours in days.items():
            yield {self._partition.name: day}, hours

    def _merge_file(self, file: DataFile, hours: Sequence[Hour], loaded: _LoadedHours) -> None:
        writer, updated = self._writer.open(file.partition), 0
        try:
            with self._folder.downloaded(file.path) as copy:
                parquet = self._arrow.parquet.ParquetFile(copy)
                for batch in parquet.iter_batches(batch_size=_ROWS_PER_BATCH, use_threads=False):
                    merged = self._merge_batch(_conformed(batch, self._writer.schema, self._arrow), hours, loaded)
                    updated += merged.updated
                    writer.write(merged.batch)
            if updated:
                self._plan.adds.append(writer.complete())
                self._plan.removes.append(file)
                self._plan.updated += updated
        finally:
            writer.discard()
            # Otherwise Arrow keeps the memory of all files for later.
            self._arrow.default_memory_pool().release_unused()

    def _merge_batch(self, batch: Any, hours: Sequence[Hour], loaded: _LoadedHours) -> MergedRows:
        wanted = hours
        if self._partition:
            found = self._arrow.compute.unique(hours_of(batch.column(self._partition.source), self._arrow))
            present = set(found.to_pylist())
            wanted = [hour for hour in hours if hour in present]
        if not wanted:
            return MergedRows(batch, 0)
        new, keys = loaded.rows(wanted)
        positions = self._arrow.compute.index_in(key_array(batch, self._layout, self._arrow), value_set=keys)
        self._plan.matched += loaded.mark(wanted, positions)
        return MergedRows.of(batch, new, positions, self._layout, self._arrow)

    def _insert(self, partition: Mapping[str, str | None], hours: Sequence[Hour], loaded: _LoadedHours) -> None:
        writer: DataFileWriter | None = None
        try:
            for batch in loaded.unmatched(hours):
                for part in _slices(batch, self._rows_per_file):
                    if writer and writer.rows + part.num_rows > self._rows_per_file:
                        self._plan.adds.append(writer.complete())
                        writer = None
                    writer = writer or self._writer.open(partition)
                    writer.write(_conformed(part, self._writer.schema, self._arrow))
                self._plan.inserted += batch.num_rows
            if writer:
                self._plan.adds.append(writer.complete())
        finally:
            if writer:
                writer.discard()


class _LoadedHours:
    """The staged rows of the hours of a partition: those in use in memory, and which were found in the table."""

    def __init__(self, staged: StagedRows, layout: Layout[Any], arrow: Any) -> None:
        self._staged = staged
        self._layout = layout
        self._arrow = arrow
        self._batches: dict[Hour, Any] = {}
        self._combined: tuple[Any, Any] | None = None
        self._matched: dict[Hour, list[Any]] = {}

    def rows(self, hours: Sequence[Hour]) -> tuple[Any, Any]:
        """The rows of some hours as one record batch, and their keys; other hours leave memory."""
        if self._combined is None or list(self._batches) != list(hours):
            self._combined = None
            self._batches = {
                hour: self._batches[hour] if hour in self._batches else self._staged.read(hour) for hour in hours
            }
            combined = self._arrow.concat_batches(list(self._batches.values()))
            self._combined = combined, key_array(combined, self._layout, self._arrow)
        return self._combined

    def mark(self, hours: Sequence[Hour], positions: Any) -> int:
        """Remember which rows of `rows(hours)` were found; return how many."""
        compute = self._arrow.compute
        found, start = compute.drop_null(positions), 0
        for hour in hours:
            end = start + self._batches[hour].num_rows
            inside = compute.and_(compute.greater_equal(found, start), compute.less(found, end))
            if some := found.filter(inside):
                self._matched.setdefault(hour, []).append(compute.subtract(some, start))
            start = end
        return len(found)

    def unmatched(self, hours: Sequence[Hour]) -> Iterator[Any]:
        """The rows that were not found in the table, a record batch for each hour that has some."""
        compute, self._combined = self._arrow.compute, None
        for hour in hours:
            batch = self._batches.pop(hour) if hour in self._batches else self._staged.read(hour)
            if hour in self._matched:
                positions = self._arrow.array(range(batch.num_rows), self._arrow.int32())
                found = self._arrow.concat_arrays(self._matched[hour])
                batch = batch.filter(compute.invert(compute.is_in(positions, value_set=found)))
            if batch.num_rows:
                yield batch


def _may_hold(file: DataFile, hours: Sequence[Hour]) -> bool:
    """Whether a data file may hold rows of some hours."""
    if file.hours is None:
        return True
    first, last = file.hours
    return any(hour is None or first <= hour <= last for hour in hours)


def _slices(batch: Any, size: int) -> Iterator[Any]:
    return (batch.slice(start, size) for start in range(0, batch.num_rows, size))


def _conformed(batch: Any, schema: Any, arrow: Any) -> Any:
    """A record batch with the columns and types of a schema; a column that it lacks is null."""
    names = set(batch.schema.names)
    arrays = [
        batch.column(field.name).cast(field.type) if field.name in names else arrow.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return arrow.RecordBatch.from_arrays(arrays, schema=schema)
