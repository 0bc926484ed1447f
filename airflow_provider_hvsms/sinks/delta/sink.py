"""Loads rows into a Delta table."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_hvsms.api.errors import FolderUnavailable, InvalidRequest
from airflow_provider_hvsms.sinks.delta.data_files import DataFile, DataFiles
from airflow_provider_hvsms.sinks.delta.folder import DeltaFolder
from airflow_provider_hvsms.sinks.delta.merge import Merge, MergePlan
from airflow_provider_hvsms.sinks.delta.number_sample import NumberSample
from airflow_provider_hvsms.sinks.delta.packages import Packages, import_packages
from airflow_provider_hvsms.sinks.delta.partition import Partition
from airflow_provider_hvsms.sinks.delta.staging import StagedRows
from airflow_provider_hvsms.sinks.delta.table import CommitConflict, Snapshot, Table, measured_columns
from airflow_provider_hvsms.sinks.files.parquet import Parquet
from airflow_provider_hvsms.sinks.files.sink import DEFAULT_ROWS_PER_PART
from airflow_provider_hvsms.sinks.personal_data_check import check_personal_data
from airflow_provider_hvsms.sinks.schema import REJECTS, Changes, Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

MAX_ATTEMPTS = 30
"""Commits that a load tries while other writers are faster."""
_MAX_PAUSE = 2.0
"""Seconds before the next attempt, at most."""


@contextmanager
def open_delta(
    path: ObjectStoragePath,
    layout: Layout[Any],
    *,
    compression: str | None = None,
    rows_per_part: int = DEFAULT_ROWS_PER_PART,
    with_rejects: bool = False,
) -> Iterator[DeltaSink]:
    """Open a sink that merges the rows of one load into a Delta table, in one commit.

    For example::

        with open_delta(ObjectStoragePath("s3://aws@lake/messages"), MESSAGES) as sink:
            sink.add(rows, [])
            sink.finish({"rows": len(rows)})

    Packages, folder and table are checked before the block is entered. Left without `finish`, it changes nothing.

    :param path: the folder of the table, which is created if it is missing.
    :param compression: a codec of pyarrow, or `none`; `snappy` by default.
    :param rows_per_part: the maximum of rows in a new data file.
    :param with_rejects: keep a second table, `<path>_rejects`, for records that could not be read.
    :raises InvalidRequest: an argument is not valid.
    :raises MissingPackage: deltalake or pyarrow is not installed.
    :raises TableMismatch: the table has other types or partitions, features that a load does not support, or rows of
        another `personal_data`.
    :raises UnusableFolder: the folder holds other files, or cannot be written until a permission is changed.
    :raises FolderUnavailable: the file system or object store did not answer, or answered with an error of its own.
    """
    if not isinstance(rows_per_part, int) or rows_per_part < 1:
        raise InvalidRequest(f"rows_per_part is {rows_per_part!r}; it must be a whole number, at least 1.")
    packages, codec = import_packages(), Parquet(compression).compression
    targets = [(path, layout), (path.parent / f"{path.name}_rejects", REJECTS)][: 1 + with_rejects]
    loads = [TableLoad(DeltaFolder(at), of, packages, codec, rows_per_part) for at, of in targets]
    try:
        for load in loads:
            load.check()
        yield DeltaSink(loads)
    finally:
        for load in loads:
            load.discard()


class DeltaSink:
    """Stages rows on the local disk and merges them at the end.

    :param loads: that of the rows, and that of the rejects if there is one.
    """

    def __init__(self, loads: Sequence[TableLoad]) -> None:
        self._loads = loads

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        """Add rows of the layout, and rows of `REJECTS`."""
        for load, some in zip(self._loads, (rows, rejects), strict=False):
            load.add(some)

    def finish(self, summary: Mapping[str, Any]) -> Changes:
        """Commit the rejects, then the rows. A table in which nothing changes gets no commit.

        :param summary: kept in the table's history as JSON, in `userMetadata`.
        :return: how many records were inserted, updated or left as they were.
        :raises FolderUnavailable: other writers were faster each time.
        """
        note = msgspec.json.encode(dict(summary), enc_hook=str).decode()
        for load in reversed(self._loads):
            changes = load.merge(note)
        return changes


class TableLoad:
    """The load into one table.

    Two loads at once merge into the state that each has read, and the slower one repeats: the library would let it
    insert a row that the faster one has just inserted.
    """

    def __init__(
        self, folder: DeltaFolder, layout: Layout[Any], packages: Packages, compression: str, rows_per_file: int
    ) -> None:
        self._folder = folder
        self._layout = layout
        self._packages = packages
        self._compression = compression
        self._rows_per_file = rows_per_file
        self._partition = Partition.of(layout)
        self._table = Table(folder, layout, self._partition, packages)
        self._lost = 0
        self._checked: set[str] = set()
        self._staged = StagedRows(layout, self._partition, packages.arrow)

    def check(self) -> None:
        """Check that the table can be loaded."""
        self._check_personal_data(self._table.check())

    def add(self, rows: Sequence[Row]) -> None:
        """Stage rows."""
        self._staged.add(rows)

    def merge(self, note: str) -> Changes:
        """Merge the staged rows and commit, again and again until no other writer was faster."""
        while self._lost < MAX_ATTEMPTS:
            self._pause()
            try:
                return self._merge_once(note)
            except CommitConflict:
                self._lost += 1
        raise FolderUnavailable(
            f"Other writers committed to the Delta table {self._folder.name} before each of {MAX_ATTEMPTS} attempts. "
            "The load did not complete. Run the task again, and let fewer tasks write at once."
        )

    def discard(self) -> None:
        """Delete what is staged."""
        self._staged.discard()

    def _merge_once(self, note: str) -> Changes:
        snapshot = self._table.read()
        self._check_personal_data(snapshot.files)
        writer = DataFiles(
            self._folder,
            self._packages,
            snapshot.schema,
            compression=self._compression,
            measured=measured_columns(self._layout),
        )
        try:
            plan = self._plan(snapshot, writer)
        except BaseException:
            writer.remove()
            raise
        if snapshot.table is None or plan.adds:
            self._commit(snapshot, plan, writer, note)
        return plan.changes

    def _plan(self, snapshot: Snapshot, writer: DataFiles) -> MergePlan:
        return Merge(
            self._staged,
            self._layout,
            self._partition,
            folder=self._folder,
            writer=writer,
            files=snapshot.files,
            rows_per_file=self._rows_per_file,
            arrow=self._packages.arrow,
        ).run()

    def _commit(self, snapshot: Snapshot, plan: MergePlan, writer: DataFiles, note: str) -> None:
        """Commit a plan. After a lost race, commit it again while the files that it read are still the same.

        If it is unknown whether a commit was carried out, the new files stay: the table may name them.

        :raises CommitConflict: the table needs another plan.
        """
        while True:
            try:
                return self._table.commit(snapshot, plan.adds, plan.removes, note)
            except CommitConflict:
                latest = self._table.read()
                # A store may answer to a repeated put that the file exists, which it does since the first one.
                if writer.wrote_any_of(latest.files):
                    return None
                if self._lost + 1 == MAX_ATTEMPTS or not plan.is_valid_in(snapshot, latest):
                    writer.remove()
                    raise
                self._check_latest(latest, writer)
                self._lost += 1
                self._pause()
                snapshot = latest

    def _check_latest(self, latest: Snapshot, writer: DataFiles) -> None:
        try:
            self._check_personal_data(latest.files)
        except BaseException:
            writer.remove()
            raise

    def _check_personal_data(self, files: Sequence[DataFile]) -> None:
        """Check that the table holds no rows of another `personal_data`, if it has files that are not yet checked.

        :param files: all of its data files.
        :raises TableMismatch: it does.
        """
        names, checked = self._layout.number_columns, self._checked
        new_first = sorted(files, key=lambda file: file.path in checked)
        if names and new_first and new_first[0].path not in checked:
            sample = NumberSample(self._folder, names, new_first, self._packages.arrow)
            check_personal_data(f"The Delta table {self._folder.name}", self._layout.personal_data, sample)
        checked.update(file.path for file in files)

    def _pause(self) -> None:
        if self._lost:
            time.sleep(random.uniform(0, min(_MAX_PAUSE, 0.05 * 2**self._lost)))  # noqa: S311 - no secret
