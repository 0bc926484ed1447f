"""From the message store into any object storage that Airflow's `ObjectStoragePath` reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook, ObjectStoragePath

from airflow_provider_hvsms.api.filters import (
    MAX_PER_PAGE,
    BatchStatus,
    Direction,
    OnInvalid,
    OptOutStatus,
    View,
    check_choice,
    check_id,
)
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.files.registry import FORMATS
from airflow_provider_hvsms.sinks.files.sink import DEFAULT_ROWS_PER_PART, FileSink, open_files
from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator
from airflow_provider_hvsms.transfers.extracts import (
    DEFAULT_CONCURRENCY,
    BatchesExtract,
    MessagesExtract,
    OptOutsExtract,
    StatusesExtract,
)
from airflow_provider_hvsms.utils.arguments import NOT_GIVEN, NotGiven, check_when_parsed, keep, takes
from airflow_provider_hvsms.utils.failures import explain_missing_connection
from airflow_provider_hvsms.utils.values import is_known


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

    template_fields: Sequence[str] = (*HvsmsTransferOperator.template_fields, "path", "format", "compression")

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str,  # noqa: A002 - the name that users know
        compression: str | None,
        rows_per_part: int,
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
            self.extract.layout,
            format=self.format,
            compression=self.compression,
            rows_per_part=self.rows_per_part,
        )


@takes(MessagesExtract)
class HvsmsMessagesToObjectStorageOperator(HvsmsToObjectStorageOperator):
    """Writes the messages created in a window into a folder.

    The columns are those of the table::

        HvsmsMessagesToObjectStorageOperator(
            task_id="write_messages",
            path="s3://aws@lake/messages/{{ data_interval_start | ds }}",
            format="parquet",
        )
    """

    extract = MessagesExtract

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = DEFAULT_ROWS_PER_PART,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        batch_id: str | Mapping[str, Any] | NotGiven | None = NOT_GIVEN,
        phone_numbers: Sequence[str] | str = (),
        direction: Direction | str | None = None,
        view: View | str = "Simple",
        per_page: int = MAX_PER_PAGE,
        concurrency: int = DEFAULT_CONCURRENCY,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            path=path,
            format=format,
            compression=compression,
            rows_per_part=rows_per_part,
            hvsms_conn_id=hvsms_conn_id,
            on_invalid=on_invalid,
            **kwargs,
        )
        extract = MessagesExtract(
            date_from=date_from,
            date_to=date_to,
            window=window,
            lookback=lookback,
            batch_id=batch_id,
            phone_numbers=phone_numbers,
            direction=direction,
            view=view,
            per_page=per_page,
            concurrency=concurrency,
        )
        keep(self, extract)


@takes(BatchesExtract)
class HvsmsBatchesToObjectStorageOperator(HvsmsToObjectStorageOperator):
    """Writes the batches created in a window into a folder.

    The columns are those of the table::

        HvsmsBatchesToObjectStorageOperator(
            task_id="write_batches", path="file:///lake/batches/{{ data_interval_start | ds }}"
        )
    """

    extract = BatchesExtract

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = DEFAULT_ROWS_PER_PART,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        from_number: str | None = None,
        statuses: Sequence[BatchStatus] | str = (),
        per_page: int = MAX_PER_PAGE,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            path=path,
            format=format,
            compression=compression,
            rows_per_part=rows_per_part,
            hvsms_conn_id=hvsms_conn_id,
            on_invalid=on_invalid,
            **kwargs,
        )
        extract = BatchesExtract(
            date_from=date_from,
            date_to=date_to,
            window=window,
            lookback=lookback,
            from_number=from_number,
            statuses=statuses,
            per_page=per_page,
        )
        keep(self, extract)


@takes(StatusesExtract)
class HvsmsStatusesToObjectStorageOperator(HvsmsToObjectStorageOperator):
    """Writes how many messages of a window or batch have which status into a folder, one row for each status.

    The columns are those of the table::

        HvsmsStatusesToObjectStorageOperator(
            task_id="write_statuses", path="gs://lake/statuses/{{ data_interval_start | ds }}"
        )
    """

    extract = StatusesExtract

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = DEFAULT_ROWS_PER_PART,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        batch_id: str | Mapping[str, Any] | NotGiven | None = NOT_GIVEN,
        phone_numbers: Sequence[str] | str = (),
        direction: Direction | str | None = None,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            path=path,
            format=format,
            compression=compression,
            rows_per_part=rows_per_part,
            hvsms_conn_id=hvsms_conn_id,
            on_invalid=on_invalid,
            **kwargs,
        )
        extract = StatusesExtract(
            date_from=date_from,
            date_to=date_to,
            window=window,
            lookback=lookback,
            batch_id=batch_id,
            phone_numbers=phone_numbers,
            direction=direction,
        )
        keep(self, extract)


@takes(OptOutsExtract)
class HvsmsOptOutsToObjectStorageOperator(HvsmsToObjectStorageOperator):
    """Writes opt-outs as they are today into a folder.

    The columns are those of the table::

        HvsmsOptOutsToObjectStorageOperator(task_id="write_opt_outs", path="s3://lake/opt_outs/{{ ds }}", format="csv")
    """

    extract = OptOutsExtract

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = DEFAULT_ROWS_PER_PART,
        from_number: str | None = None,
        to_number: str | None = None,
        status: OptOutStatus | str = "all",
        per_page: int = MAX_PER_PAGE,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            path=path,
            format=format,
            compression=compression,
            rows_per_part=rows_per_part,
            hvsms_conn_id=hvsms_conn_id,
            on_invalid=on_invalid,
            **kwargs,
        )
        extract = OptOutsExtract(
            from_number=from_number,
            to_number=to_number,
            status=status,
            per_page=per_page,
        )
        keep(self, extract)
