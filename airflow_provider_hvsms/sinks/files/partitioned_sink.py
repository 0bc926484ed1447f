"""Writes rows to a lake: a folder for each day, month or hour, replaced as a whole."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_hvsms.api.errors import InvalidRecord
from airflow_provider_hvsms.api.records import AwareDatetime
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.files.format import FileFormat
from airflow_provider_hvsms.sinks.files.jsonl import JsonLines
from airflow_provider_hvsms.sinks.files.lake_setting import check_lake
from airflow_provider_hvsms.sinks.files.partitioned_publication import PartitionedPublication
from airflow_provider_hvsms.sinks.files.partitions import PARTITIONED_COLUMN, PartitionBy, Partitions, check_partitioned
from airflow_provider_hvsms.sinks.files.publication import check_not_mixed
from airflow_provider_hvsms.sinks.files.registry import find_format
from airflow_provider_hvsms.sinks.files.sink import DEFAULT_ROWS_PER_PART, check_rows_per_part
from airflow_provider_hvsms.sinks.files.spool import RowSpool
from airflow_provider_hvsms.sinks.schema import REJECTS, Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


@contextmanager
def open_partitions(
    path: ObjectStoragePath,
    layout: Layout[Any],
    *,
    window: Window,
    partition_by: PartitionBy | str,
    format: str,  # noqa: A002 - the name that users know
    compression: str | None = None,
    rows_per_part: int = DEFAULT_ROWS_PER_PART,
    now: datetime | None = None,
) -> Iterator[PartitionedSink]:
    """Open a sink for the rows of one load, which replaces each partition of its window as a whole.

    For example::

        day = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
        lake = ObjectStoragePath("s3://aws@lake/messages")
        with open_partitions(lake, MESSAGES, window=day, partition_by="day", format="parquet") as sink:
            sink.add(rows, [])
            sink.finish({"rows": len(rows)})

    The arguments and the folder are checked before the block is entered. A block that is left without `finish` changes
    nothing.

    :param path: the folder that holds those of the partitions.
    :param window: the window that the load stands for; its end may lie in the future.
    :param partition_by: `day`, `month` or `hour` of `creation_time` in UTC.
    :param format: `jsonl`, `csv` or `parquet`.
    :param compression: as in `open_files`.
    :param rows_per_part: the maximum of rows in a file, as in `open_files`. Until then, the rows of a partition are
        kept on the local disk.
    :param now: partitions that begin later are replaced only if there are rows of them. By default the current time.
    :raises InvalidRequest: an argument is not valid, the window covers only a part of a partition, or the rows have no
        time of creation.
    :raises MissingPackage: the format needs a package that is not installed.
    :raises TableMismatch: the folders that the load does not replace hold rows of another `personal_data`.
    :raises UnusableFolder: the folder cannot be written until its path or a permission is changed, or it holds files
        that are not partitioned in this way.
    :raises FolderUnavailable: the file system or object store did not answer, or answered with an error of its own.
    """
    check_partitioned(layout)
    check_rows_per_part(rows_per_part)
    partitions = Partitions(partition_by, window)
    file_format = find_format(format, compression)
    folder = Folder(path)
    existing, covered = check_not_mixed(folder, partition_by), partitions.names(begun_by=now or datetime.now(UTC))
    check_lake(folder, existing, covered, layout)
    publication = PartitionedPublication(folder, covered)
    sink = PartitionedSink(publication, partitions, layout, file_format, rows_per_part)
    try:
        yield sink
    finally:
        sink.discard()


class PartitionedSink:
    """Writes the rows of each partition as parts of a folder; the same rows give the same bytes."""

    def __init__(
        self,
        publication: PartitionedPublication,
        partitions: Partitions,
        layout: Layout[Any],
        file_format: FileFormat,
        rows_per_part: int,
    ) -> None:
        self._publication = publication
        self._partitions = partitions
        self._totals = {name: _Totals() for name in publication.covered}
        self._format = file_format
        self._rows_per_part = rows_per_part
        self._created = layout.names.index(PARTITIONED_COLUMN)
        self._rows = RowSpool(file_format, layout.columns)
        self._rejects = RowSpool(JsonLines("none"), REJECTS.columns)

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        """Add rows of the layout, and rows of `REJECTS`.

        :raises InvalidRecord: a record was created outside the window.
        """
        for name, some in self._by_partition(rows).items():
            self._add(name, some)
        for reject in rejects:
            name = self._partition_of_reject(reject)
            self._totals_of(name).rejected += 1
            self._rejects.add(name, [reject])

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Publish the folder of each partition. Those that a load which started later has replaced are kept.

        :param summary: written to each `_SUCCESS` as JSON, with `rows` and `rejected` of its folder. It must hold the
            layout's `personal_data`, unless that is `keep`.
        """
        for name in sorted(self._totals):
            self._complete(name)
        self._publication.publish({name: self._totals[name].within(summary) for name in sorted(self._totals)})

    def discard(self) -> None:
        """Discard what is not published."""
        self._rows.discard()
        self._rejects.discard()
        self._publication.discard()

    def _add(self, name: str, rows: list[Row]) -> None:
        self._totals_of(name).rows += len(rows)
        while rows:
            room = self._rows_per_part - self._rows.count(name)
            self._rows.add(name, rows[:room])
            rows = rows[room:]
            if self._rows.count(name) == self._rows_per_part:
                self._finish_part(name)

    def _by_partition(self, rows: Iterable[Row]) -> dict[str, list[Row]]:
        name_of, created = self._partitions.name_of, self._created
        found: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            found[name_of(row[created])].append(row)
        for name, some in found.items():
            if name not in self._partitions:
                raise InvalidRecord(
                    f"The service returned {len(some)} records of {name}, which lies outside the window "
                    f"{self._partitions.window} that was requested. No folder was changed. Read a window that covers "
                    "it, for example with a longer lookback."
                )
        return found

    def _partition_of_reject(self, reject: Row) -> str:
        """The partition of its time of creation; without a readable one, the first of the window.

        The first one, because each later load whose window still holds the record replaces the others.
        """
        try:
            created = msgspec.json.decode(reject[_RECORD], type=_Created).creation_time.astimezone(UTC)
        except (msgspec.MsgspecError, OverflowError):
            return self._partitions.first
        name = self._partitions.name_of(created)
        return name if name in self._partitions else self._partitions.first

    def _complete(self, name: str) -> None:
        if self._rows.count(name) or (self._format.stores_schema and not self._totals[name].rows):
            self._finish_part(name)
        if self._rejects.count(name):
            with tempfile.TemporaryFile() as file:
                self._rejects.write(name, file)
                self._publication.of(name).add_rejects(file)

    def _finish_part(self, name: str) -> None:
        with tempfile.TemporaryFile() as file:
            self._rows.write(name, file)
            self._publication.of(name).add_part(file, self._format.suffix)

    def _totals_of(self, name: str) -> _Totals:
        return self._totals.setdefault(name, _Totals())


class _Totals:
    """What a partition holds."""

    def __init__(self) -> None:
        self.rows = 0
        self.rejected = 0

    def within(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """The summary of the load, with the totals of the partition where the load's are."""
        return {**summary, **{name: value for name, value in vars(self).items() if name in summary}}


class _Created(msgspec.Struct, rename="camel"):
    creation_time: AwareDatetime


_RECORD = REJECTS.names.index("record")
