"""From the message store into any object storage that Airflow's `ObjectStoragePath` reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.filters import MAX_PER_PAGE, BatchStatus, Direction, OnInvalid, OptOutStatus, View
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.files.partitions import PartitionBy
from airflow_provider_hvsms.sinks.files.sink import DEFAULT_ROWS_PER_PART
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator
from airflow_provider_hvsms.transfers.extracts import (
    DEFAULT_CONCURRENCY,
    BatchesExtract,
    MessagesExtract,
    OptOutsExtract,
    StatusesExtract,
)
from airflow_provider_hvsms.transfers.reconciliation import Reconcile
from airflow_provider_hvsms.transfers.targets import FolderTarget
from airflow_provider_hvsms.utils.arguments import NOT_GIVEN, NotGiven, check_when_parsed, keep, takes


@takes(FolderTarget, MessagesExtract)
class HvsmsMessagesToObjectStorageOperator(HvsmsTransferOperator):
    """Writes the messages created in a window into a folder.

    The columns are those of the table::

        HvsmsMessagesToObjectStorageOperator(
            task_id="write_messages",
            path="s3://aws@lake/messages/{{ data_interval_start | ds }}",
            format="parquet",
        )
    """

    extract = MessagesExtract
    target = FolderTarget

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = DEFAULT_ROWS_PER_PART,
        partition_by: PartitionBy | str | None = None,
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
        reconcile: Reconcile | str = "warn",
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        extra_fields: bool = False,
        personal_data: PersonalData = "keep",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            hvsms_conn_id=hvsms_conn_id,
            on_invalid=on_invalid,
            extra_fields=extra_fields,
            personal_data=personal_data,
            **kwargs,
        )
        target = FolderTarget(
            path=path,
            format=format,
            compression=compression,
            rows_per_part=rows_per_part,
            partition_by=partition_by,
        )
        keep(self, target)
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
            reconcile=reconcile,
        )
        keep(self, extract)
        _check_records(self, target, of_one_batch=extract.has_batch_window)


@takes(FolderTarget, BatchesExtract)
class HvsmsBatchesToObjectStorageOperator(HvsmsTransferOperator):
    """Writes the batches created in a window into a folder.

    The columns are those of the table::

        HvsmsBatchesToObjectStorageOperator(
            task_id="write_batches", path="file:///lake/batches/{{ data_interval_start | ds }}"
        )
    """

    extract = BatchesExtract
    target = FolderTarget

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = DEFAULT_ROWS_PER_PART,
        partition_by: PartitionBy | str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        from_number: str | None = None,
        statuses: Sequence[BatchStatus] | str = (),
        per_page: int = MAX_PER_PAGE,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        extra_fields: bool = False,
        personal_data: PersonalData = "keep",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            hvsms_conn_id=hvsms_conn_id,
            on_invalid=on_invalid,
            extra_fields=extra_fields,
            personal_data=personal_data,
            **kwargs,
        )
        target = FolderTarget(
            path=path,
            format=format,
            compression=compression,
            rows_per_part=rows_per_part,
            partition_by=partition_by,
        )
        keep(self, target)
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
        _check_records(self, target)


@takes(FolderTarget, StatusesExtract)
class HvsmsStatusesToObjectStorageOperator(HvsmsTransferOperator):
    """Writes how many messages of a window or batch have which status into a folder, one row for each status.

    The columns are those of the table::

        HvsmsStatusesToObjectStorageOperator(
            task_id="write_statuses", path="gs://lake/statuses/{{ data_interval_start | ds }}"
        )
    """

    extract = StatusesExtract
    target = FolderTarget

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = DEFAULT_ROWS_PER_PART,
        partition_by: PartitionBy | str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        batch_id: str | Mapping[str, Any] | NotGiven | None = NOT_GIVEN,
        phone_numbers: Sequence[str] | str = (),
        direction: Direction | str | None = None,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        extra_fields: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(hvsms_conn_id=hvsms_conn_id, on_invalid=on_invalid, extra_fields=extra_fields, **kwargs)
        target = FolderTarget(
            path=path,
            format=format,
            compression=compression,
            rows_per_part=rows_per_part,
            partition_by=partition_by,
        )
        keep(self, target)
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
        _check_records(self, target)


@takes(FolderTarget, OptOutsExtract)
class HvsmsOptOutsToObjectStorageOperator(HvsmsTransferOperator):
    """Writes opt-outs as they are today into a folder.

    The columns are those of the table::

        HvsmsOptOutsToObjectStorageOperator(task_id="write_opt_outs", path="s3://lake/opt_outs/{{ ds }}", format="csv")
    """

    extract = OptOutsExtract
    target = FolderTarget

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        format: str = "jsonl",  # noqa: A002 - the name that users know
        compression: str | None = None,
        rows_per_part: int = DEFAULT_ROWS_PER_PART,
        partition_by: PartitionBy | str | None = None,
        from_number: str | None = None,
        to_number: str | None = None,
        status: OptOutStatus | str = "all",
        per_page: int = MAX_PER_PAGE,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        extra_fields: bool = False,
        personal_data: PersonalData = "keep",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            hvsms_conn_id=hvsms_conn_id,
            on_invalid=on_invalid,
            extra_fields=extra_fields,
            personal_data=personal_data,
            **kwargs,
        )
        target = FolderTarget(
            path=path,
            format=format,
            compression=compression,
            rows_per_part=rows_per_part,
            partition_by=partition_by,
        )
        keep(self, target)
        extract = OptOutsExtract(
            from_number=from_number,
            to_number=to_number,
            status=status,
            per_page=per_page,
        )
        keep(self, extract)
        _check_records(self, target)


def _check_records(operator: HvsmsTransferOperator, target: FolderTarget, *, of_one_batch: bool = False) -> None:
    """Check, when the DAG is parsed, that `partition_by` suits what is read."""
    with check_when_parsed(operator):
        target.check_records(operator.extract.layout, of_one_batch=of_one_batch)
