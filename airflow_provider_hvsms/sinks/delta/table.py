"""A Delta table: its state, and the commits that change it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

from airflow_provider_hvsms.sinks.delta.data_files import DataFile
from airflow_provider_hvsms.sinks.delta.folder import DeltaFolder
from airflow_provider_hvsms.sinks.delta.packages import Packages
from airflow_provider_hvsms.sinks.delta.partition import Partition, hour_of
from airflow_provider_hvsms.sinks.delta.schema_check import check_table, missing_columns
from airflow_provider_hvsms.sinks.delta.storage_options import Location, locate, only_given_credentials
from airflow_provider_hvsms.sinks.record_batches import arrow_type
from airflow_provider_hvsms.sinks.schema import Column, ColumnType, Layout


class CommitConflict(Exception):
    """Another writer has changed the table since its state was read."""


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The state of a table.

    :param table: a `deltalake.DeltaTable`; `None` if the table does not exist.
    :param schema: its columns as Arrow's schema, without the partition column.
    """

    table: Any
    schema: Any
    files: tuple[DataFile, ...] = ()


class Table:
    """The Delta table of one resource.

    :param partition: `None` for a table without partitions.
    """

    def __init__(
        self, folder: DeltaFolder, layout: Layout[Any], partition: Partition | None, packages: Packages
    ) -> None:
        self._folder = folder
        self._layout = layout
        self._partition = partition
        self._packages = packages

    def check(self) -> tuple[DataFile, ...]:
        """Check that the table can be loaded, or created.

        :return: its data files.
        :raises TableMismatch: it exists and cannot take the rows.
        :raises UnusableFolder: the folder holds other files, or cannot be written.
        """
        self._folder.prepare()
        table = self._open(self._locate())
        if table is None:
            self._folder.check_unused()
            return ()
        with self._errors():
            return self._files(table)

    def read(self) -> Snapshot:
        """The latest state. A column that the table lacks is added by a commit of its own.

        :raises CommitConflict: another writer changed the columns at the same time.
        """
        location = self._locate()
        table = self._open(location)
        if table is None:
            return Snapshot(None, self._new_schema(with_partition=False))
        if missing := missing_columns(table, self._layout):
            self._add_columns(table, missing)
            table = self._open(location)
        with self._errors():
            schema = self._packages.arrow.schema(table.schema().to_arrow())
            partitions = set(table.metadata().partition_columns)
            fields = [field for field in schema if field.name not in partitions]
            return Snapshot(table, self._packages.arrow.schema(fields), self._files(table))

    def commit(self, snapshot: Snapshot, adds: Sequence[Any], removes: Sequence[DataFile], note: str) -> None:
        """Add and remove files in one commit, if the table still has the state of the snapshot.

        :param note: kept in the table's history as `userMetadata`.
        :raises CommitConflict: it has not, and nothing was changed.
        """
        # No attempts of the library: it would add rows beside those that another writer has added.
        properties = self._packages.delta.CommitProperties(custom_metadata={"userMetadata": note}, max_commit_retries=0)
        if snapshot.table is None:
            self._create(adds, properties)
            return
        actions = [*adds, *map(self._removal, removes)]
        with self._conflicts():
            snapshot.table.create_write_transaction(
                actions,
                "append",
                snapshot.table.schema(),
                partition_by=list(snapshot.table.metadata().partition_columns),
                commit_properties=properties,
            )

    def _create(self, adds: Sequence[Any], properties: Any) -> None:
        location, delta = self._locate(), self._packages.delta
        lost = False
        with self._errors(), only_given_credentials(location):
            try:
                delta.transaction.create_table_with_add_actions(
                    location.uri,
                    delta.Schema.from_arrow(self._new_schema(with_partition=True)),
                    list(adds),
                    partition_by=[self._partition.name] if self._partition else [],
                    configuration={"delta.dataSkippingStatsColumns": ",".join(sorted(measured_columns(self._layout)))},
                    storage_options=dict(location.options),
                    commit_properties=properties,
                )
            except delta.exceptions.DeltaError:
                lost = self._open(location) is not None
                if not lost:
                    raise
        if lost:
            raise CommitConflict

    def _add_columns(self, table: Any, columns: Sequence[Column]) -> None:
        delta = self._packages.delta
        fields = [delta.Field(column.name, _delta_type(column, delta)) for column in columns]
        lost = False
        with self._errors():
            try:
                table.alter.add_columns(fields)
            except delta.exceptions.DeltaError:
                lost = missing_columns(self._open(self._locate()), self._layout) != columns
                if not lost:
                    raise
        if lost:
            raise CommitConflict

    def _open(self, location: Location) -> Any:
        delta = self._packages.delta
        with self._errors():
            try:
                with only_given_credentials(location):
                    table = delta.DeltaTable(location.uri, storage_options=dict(location.options))
            except delta.exceptions.TableNotFoundError:
                return None
            check_table(table, self._folder.name, self._layout, self._partition, self._packages.arrow)
        return table

    def _files(self, table: Any) -> tuple[DataFile, ...]:
        actions = self._packages.arrow.table(table.get_add_actions(flatten=True)).to_pylist()
        return tuple(map(self._data_file, actions))

    def _data_file(self, action: Mapping[str, Any]) -> DataFile:
        partition, hours = {}, None
        if self._partition:
            day = action[f"partition.{self._partition.name}"]
            partition = {self._partition.name: day and str(day)}
            first, last = (action.get(f"{end}.{self._partition.source}") for end in ("min", "max"))
            if first and last:
                # Some writers cut the times of statistics to milliseconds.
                hours = hour_of(first), hour_of(last + timedelta(milliseconds=1))
        return DataFile(action["path"], action["size_bytes"], partition, hours)

    def _removal(self, file: DataFile) -> Any:
        now = int(time.time() * 1000)
        remove = self._packages.delta.transaction.RemoveAction
        return remove(file.path, True, now, size=file.size, partition_values=dict(file.partition))

    def _new_schema(self, *, with_partition: bool) -> Any:
        arrow = self._packages.arrow
        fields = [(column.name, arrow_type(column.type, arrow)) for column in self._layout.columns]
        if with_partition and self._partition:
            fields.append((self._partition.name, arrow.date32()))
        return arrow.schema(fields)

    def _locate(self) -> Location:
        with self._errors():
            return locate(self._folder.path)

    def _errors(self) -> AbstractContextManager[None]:
        return self._folder.translated_errors(self._packages.delta)

    @contextmanager
    def _conflicts(self) -> Iterator[None]:
        lost = False
        with self._errors():
            try:
                yield
            except self._packages.delta.exceptions.CommitFailedError:
                lost = True
        if lost:
            raise CommitConflict


def measured_columns(layout: Layout[Any]) -> frozenset[str]:
    """The columns of which the log gets the smallest and largest values: neither texts nor phone numbers."""
    measured = {ColumnType.TIMESTAMP, ColumnType.INTEGER}
    return frozenset(column.name for column in layout.columns if column.type in measured or column.name == "id")


def _delta_type(column: Column, delta: Any) -> Any:
    names = {ColumnType.INTEGER: "long", ColumnType.DECIMAL: "decimal(18,6)", ColumnType.TIMESTAMP: "timestamp"}
    return delta.schema.PrimitiveType(names.get(column.type, "string"))
