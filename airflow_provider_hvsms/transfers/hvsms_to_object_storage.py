"""From the message store into any object storage that Airflow's `ObjectStoragePath` reaches."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook, ObjectStoragePath

from airflow_provider_hvsms.api.filters import check_choice, check_id
from airflow_provider_hvsms.hooks.hvsms import explain_missing_connection
from airflow_provider_hvsms.sinks.files.registry import FORMATS
from airflow_provider_hvsms.sinks.files.sink import FileSink, open_files
from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator
from airflow_provider_hvsms.transfers.resources import (
    BatchesTransfer,
    MessagesTransfer,
    OptOutsTransfer,
    StatusesTransfer,
)
from airflow_provider_hvsms.utils.arguments import check_when_parsed, is_known


class HvsmsToObjectStorageOperator(HvsmsTransferOperator):
    """Writes rows into a folder: parts of a bounded number of rows, and `_SUCCESS`, which holds the summary as JSON.

    A folder is for one window: template it, for example with `{{ data_interval_start | ds }}`. Running the window again
    replaces its parts, all at once at the end; a load that fails leaves the folder as it was. Columns are those of the
    tables, times are UTC. With `on_invalid="quarantine"`, records that cannot be read go to `_rejects.jsonl` beside the
    parts.

    :param path: the folder, such as `s3://warehouse@lake/messages/{{ data_interval_start | ds }}`; what stands before
        the `@` is the Airflow connection.
    :param format: `jsonl` (JSON Lines), `csv`, or `parquet`, which needs the extra `parquet`.
    :param compression: `gzip` or `none` for jsonl (default gzip) and csv (default none); a codec of pyarrow for parquet
        (default snappy).
    :param rows_per_part: rows of a part at the most; 100,000, about 10 MB of gzip JSON Lines.
    """

    template_fields: Sequence[str] = ("path", "format", "compression")

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = 100_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.format = format
        self.compression = compression
        self.rows_per_part = rows_per_part
        with check_when_parsed(self):
            if is_known(path):
                check_id("path", str(path))
            if is_known(format):
                check_choice("format", format, FORMATS)

    def open_sink(self) -> AbstractContextManager[FileSink]:
        check_id("path", str(self.path))
        folder = self.path if isinstance(self.path, ObjectStoragePath) else ObjectStoragePath(self.path)
        # Airflow 3.3 moved it.
        if conn_id := getattr(folder, "conn_id", None) or folder.storage_options.get("conn_id"):
            with explain_missing_connection(conn_id):
                BaseHook.get_connection(conn_id)
        return open_files(
            folder,
            self.layout,
            format=self.format,
            compression=self.compression,
            rows_per_part=self.rows_per_part,
        )


class HvsmsMessagesToObjectStorageOperator(MessagesTransfer, HvsmsToObjectStorageOperator):
    """Writes the messages created in a window into a folder."""

    template_fields: Sequence[str] = (*MessagesTransfer.template_fields, *HvsmsToObjectStorageOperator.template_fields)


class HvsmsBatchesToObjectStorageOperator(BatchesTransfer, HvsmsToObjectStorageOperator):
    """Writes the batches created in a window into a folder."""

    template_fields: Sequence[str] = (*BatchesTransfer.template_fields, *HvsmsToObjectStorageOperator.template_fields)


class HvsmsStatusesToObjectStorageOperator(StatusesTransfer, HvsmsToObjectStorageOperator):
    """Writes how many messages of a window or batch have which status into a folder, one row for each status."""

    template_fields: Sequence[str] = (*StatusesTransfer.template_fields, *HvsmsToObjectStorageOperator.template_fields)


class HvsmsOptOutsToObjectStorageOperator(OptOutsTransfer, HvsmsToObjectStorageOperator):
    """Writes opt-outs as they are today into a folder."""

    template_fields: Sequence[str] = (*OptOutsTransfer.template_fields, *HvsmsToObjectStorageOperator.template_fields)
