"""What each transfer writes to, whatever it reads."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol, get_args

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_choice, check_id
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.delta.folder import check_no_table
from airflow_provider_hvsms.sinks.delta.partition import check_partition_by
from airflow_provider_hvsms.sinks.delta.sink import open_delta
from airflow_provider_hvsms.sinks.files.partitioned_sink import open_partitions
from airflow_provider_hvsms.sinks.files.partitions import PartitionBy, check_partitioned
from airflow_provider_hvsms.sinks.files.registry import FORMATS
from airflow_provider_hvsms.sinks.files.sink import DEFAULT_ROWS_PER_PART, open_files
from airflow_provider_hvsms.sinks.schema import Layout, OnSchemaChange, Sink
from airflow_provider_hvsms.utils.arguments import ArgumentGroup
from airflow_provider_hvsms.utils.connections import get_path
from airflow_provider_hvsms.utils.lineage import DatasetName, name_folder, name_table
from airflow_provider_hvsms.utils.tables import open_table_of
from airflow_provider_hvsms.utils.values import is_known

DELTA = "delta"
"""The format whose folder is one table for all windows."""


class Target(ArgumentGroup, Protocol):
    """The arguments that say where a transfer writes, and how it is opened."""

    @property
    def description(self) -> str:
        """The rendered target, as the log names it."""

    def open(self, layout: Layout[Any], *, window: Window | None, with_rejects: bool) -> AbstractContextManager[Sink]:
        """Check the rendered arguments and the target, and make it ready to take rows.

        Left without `finish`, the target is as it was.

        :param window: the window that the run stands for, if it is known before reading.
        :param with_rejects: also take records that could not be read.
        """

    def name_datasets(self) -> tuple[DatasetName, DatasetName | None]:
        """The names for OpenLineage of what is written: the rows, and the rejects if they are in one place."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableTarget:
    """A table, into which rows are written by upsert, all of them or none.

    The table is created if it is missing. The same window again, or two overlapping ones at once, give the same
    table: of two states of a record the newer one stays, and a row that did not change is not touched, so that
    `loaded_at` is the time at which this state of the row was loaded. Times are UTC. With `on_invalid="quarantine"`,
    records that cannot be read go to `<table>_rejects` in the same transaction.

    :param sql_conn_id: a connection whose hook is a common-sql hook, or one to Google Cloud for BigQuery.
    :param table: the table's name, or `schema.table`; in a warehouse also `database.schema.table`.
    :param on_schema_change: what happens if the table lacks one of our columns, as one of an earlier version may. `add`
        (default): it is added. `fail`: the load is refused. Columns of your own are left alone in any case.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("sql_conn_id", "table", "on_schema_change")
    personal_fields: ClassVar[tuple[str, ...]] = ()

    sql_conn_id: str
    table: str
    on_schema_change: OnSchemaChange | str = "add"

    @property
    def description(self) -> str:
        return f"table {self.table} of connection {self.sql_conn_id!r}"

    def check_known(self) -> None:
        if is_known(self.table):
            check_id("table", self.table)
        if is_known(self.on_schema_change):
            check_choice("on_schema_change", self.on_schema_change, get_args(OnSchemaChange))

    def open(self, layout: Layout[Any], *, window: Window | None, with_rejects: bool) -> AbstractContextManager[Sink]:
        self.check_known()
        return open_table_of(
            self.sql_conn_id, self.table, layout, with_rejects=with_rejects, on_schema_change=self.on_schema_change
        )

    def name_datasets(self) -> tuple[DatasetName, DatasetName]:
        return name_table(self.sql_conn_id, self.table), name_table(self.sql_conn_id, f"{self.table}_rejects")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderTarget:
    """A folder: parts of a bounded number of rows, and `_SUCCESS`, which holds the summary as JSON.

    Without `partition_by`, a folder is for one window: template it, for example with `{{ data_interval_start | ds }}`.
    Running the window again replaces its parts, all at once at the end; a load that fails leaves the folder as it was.
    Columns are those of the tables, times are UTC. With `on_invalid="quarantine"`, records that cannot be read go to
    `_rejects.jsonl` beside the parts.

    With format `delta`, the folder is one Delta table for all windows: each load merges its rows by key in one commit,
    by the rules of a table, and returns how many it inserted, updated and left unchanged. Rejects go to a second table,
    `<path>_rejects`.

    :param path: the folder, such as `s3://warehouse@lake/messages/{{ data_interval_start | ds }}`; what precedes the
        `@` is the Airflow connection.
    :param format: `jsonl` (JSON Lines), `csv`, `parquet`, which needs the extra `parquet`, or `delta`, which needs the
        extra `delta`.
    :param compression: `gzip` or `none` for jsonl (default gzip) and csv (default none); a codec of pyarrow for parquet
        and delta (default snappy).
    :param rows_per_part: maximum rows of a part, or of a new data file of a Delta table; 100,000 by default, about
        10 MB of gzip JSON Lines.
    :param partition_by: `day`, `month` or `hour` of `creation_time` in UTC: a folder for each, such as
        `creation_day=2026-11-02`, which a load replaces as a whole, so that the window must cover it as a whole. For
        messages and batches. `None` (default): no such folders. A Delta table is always partitioned by day.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("path", "format", "compression", "partition_by")
    personal_fields: ClassVar[tuple[str, ...]] = ()

    path: str | ObjectStoragePath
    format: str = "jsonl"
    compression: str | None = None
    rows_per_part: int = DEFAULT_ROWS_PER_PART
    partition_by: PartitionBy | str | None = None

    @property
    def description(self) -> str:
        return f"{self.path} as {self.format}"

    def check_known(self) -> None:
        if is_known(self.path):
            check_id("path", str(self.path))
        if is_known(self.format):
            check_choice("format", self.format, (*FORMATS, DELTA))
        if is_known(self.partition_by):
            check_choice("partition_by", self.partition_by, (None, *get_args(PartitionBy)))

    def check_records(self, layout: Layout[Any], *, of_one_batch: bool) -> None:
        """Check whether these records can be partitioned, as far as `partition_by` is known.

        :param of_one_batch: they are the messages of a batch, in a window that only the message store knows.
        :raises InvalidRequest: they cannot.
        """
        if self.partition_by is None or not is_known(self.partition_by):
            return
        if self.format == DELTA:
            check_partition_by(self.partition_by, layout)
            return
        check_partitioned(layout)
        if of_one_batch:
            raise InvalidRequest(
                f"partition_by={self.partition_by!r} and batch_id are given, but no dates: the messages of a batch are "
                f"only a part of those of a {self.partition_by}, which would be replaced. Leave partition_by out, or "
                "give date_from and date_to."
            )

    def open(self, layout: Layout[Any], *, window: Window | None, with_rejects: bool) -> AbstractContextManager[Sink]:
        self.check_known()
        self.check_records(layout, of_one_batch=window is None)
        folder = self._folder()
        files: dict[str, Any] = {"compression": self.compression, "rows_per_part": self.rows_per_part}
        if self.format == DELTA:
            return open_delta(folder, layout, with_rejects=with_rejects, **files)
        check_no_table(folder, self.format)
        files["format"] = self.format
        if window is None or self.partition_by is None:
            return open_files(folder, layout, **files)
        return open_partitions(folder, layout, window=window, partition_by=self.partition_by, **files)

    def name_datasets(self) -> tuple[DatasetName, DatasetName | None]:
        rows = name_folder(self._folder())
        if self.format == DELTA:
            return rows, rows.beside("_rejects")
        return rows, None if self.partition_by else rows.beside("/_rejects.jsonl")

    def _folder(self) -> ObjectStoragePath:
        return get_path(self.path)
