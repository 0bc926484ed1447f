"""The Parquet files of a Delta table."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from airflow_provider_hvsms.api.errors import HvsmsError
from airflow_provider_hvsms.sinks.delta.folder import DeltaFolder
from airflow_provider_hvsms.sinks.delta.packages import Packages

ROWS_PER_GROUP = 32_000
"""Maximum rows of a row group."""


@dataclasses.dataclass(frozen=True)
class DataFile:
    """A file that the table's log names.

    :param partition: the values of the partition columns, as the log has them.
    :param hours: the first and last hour of the partition's time in the file; `None` if unknown.
    """

    path: str
    size: int
    partition: Mapping[str, str | None]
    hours: tuple[int, int] | None


class DataFiles:
    """Writes data files into a table's folder. They do not belong to the table until they are committed.

    :param schema: the columns of the files, without partition columns.
    :param measured: the columns whose smallest and largest value the log gets. It can be read by whoever can list the
        folder, so there must be no text and no phone number.
    """

    def __init__(
        self, folder: DeltaFolder, packages: Packages, schema: Any, *, compression: str, measured: frozenset[str]
    ) -> None:
        self.schema = schema
        self._folder = folder
        self._packages = packages
        self._compression = compression
        self._measured = measured
        self._paths: list[str] = []

    def open(self, partition: Mapping[str, str | None]) -> DataFileWriter:
        return DataFileWriter(self, partition)

    def new_parquet(self, file: Any) -> Any:
        return self._packages.arrow.parquet.ParquetWriter(file, self.schema, compression=self._compression)

    def table_of(self, batches: list[Any]) -> Any:
        return self._packages.arrow.Table.from_batches(batches)

    def upload(self, file: Any, partition: Mapping[str, str | None]) -> Any:
        """Upload a file, and return the action that adds it to the table."""
        folders = "".join(f"{name}={value or '__HIVE_DEFAULT_PARTITION__'}/" for name, value in partition.items())
        path = f"{folders}part-{uuid.uuid4().hex}.{self._compression}.parquet"
        self._paths.append(path)
        self._folder.upload_data_file(path, file)
        size = file.seek(0, 2)
        stats = json.dumps(_statistics(self._packages.arrow.parquet.read_metadata(file), self._measured))
        add = self._packages.delta.transaction.AddAction
        return add(path, size, dict(partition), int(time.time() * 1000), True, stats)

    def wrote_any_of(self, files: Iterable[DataFile]) -> bool:
        """Whether some of a table's files are among those that were uploaded."""
        return any(file.path in self._paths for file in files)

    def remove(self) -> None:
        """Remove all files that were uploaded."""
        with suppress(HvsmsError):  # what remains belongs to no table, and vacuum removes it
            self._folder.remove(self._paths)
        self._paths = []


class DataFileWriter:
    """Writes one data file on the local disk, then uploads it."""

    def __init__(self, files: DataFiles, partition: Mapping[str, str | None]) -> None:
        self.rows = 0
        self._files = files
        self._partition = partition
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by discard
        self._writer = files.new_parquet(self._file)
        self._buffer: list[Any] = []
        self._buffered = 0

    def write(self, batch: Any) -> None:
        self._buffer.append(batch)
        self._buffered += batch.num_rows
        self.rows += batch.num_rows
        if self._buffered >= ROWS_PER_GROUP:
            self._flush()

    def complete(self) -> Any:
        """Upload the file, and return the action that adds it to the table."""
        self._flush()
        self._writer.close()
        add = self._files.upload(self._file, self._partition)
        self._file.close()
        return add

    def discard(self) -> None:
        """Delete the local file."""
        self._buffer = []
        with suppress(OSError):  # the disk is full
            self._writer.close()
        self._file.close()

    def _flush(self) -> None:
        if self._buffer:
            self._writer.write_table(self._files.table_of(self._buffer), row_group_size=self._buffered)
        self._buffer, self._buffered = [], 0


def _statistics(metadata: Any, measured: frozenset[str]) -> dict[str, Any]:
    """The statistics of a Parquet file as Delta's log has them."""
    least: dict[str, Any] = {}
    most: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            name, found = column.path_in_schema, column.statistics
            if name not in measured or found is None:
                continue
            nulls[name] = nulls.get(name, 0) + found.null_count
            if found.has_min_max:
                least[name] = min(least.get(name, found.min), found.min)
                most[name] = max(most.get(name, found.max), found.max)
    values = {"minValues": least, "maxValues": most}
    encoded = {kind: {name: _encoded(value) for name, value in of.items()} for kind, of in values.items()}
    return {"numRecords": metadata.num_rows, **encoded, "nullCount": nulls}


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value
