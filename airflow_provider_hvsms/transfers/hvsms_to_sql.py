"""From the message store into any database that has a common-sql hook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_hvsms.api.filters import MAX_PER_PAGE, BatchStatus, Direction, OnInvalid, OptOutStatus, View
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.sinks.schema import OnSchemaChange
from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator
from airflow_provider_hvsms.transfers.extracts import (
    DEFAULT_CONCURRENCY,
    BatchesExtract,
    MessagesExtract,
    OptOutsExtract,
    StatusesExtract,
)
from airflow_provider_hvsms.transfers.reconciliation import Reconcile
from airflow_provider_hvsms.transfers.targets import TableTarget
from airflow_provider_hvsms.utils.arguments import NOT_GIVEN, NotGiven, keep, takes


@takes(TableTarget, MessagesExtract)
class HvsmsMessagesToSqlOperator(HvsmsTransferOperator):
    """Loads the messages created in a window into a table.

    Columns: `id` (key), `batch_id`, `direction`, `from_number`, `to_number` (several joined by commas),
    `message_status`, `error_code`, `segment_count`, `cost`, `creation_time`, `last_modified_time`, `text` (kept when a
    `Simple` read has none), `loaded_at`::

        HvsmsMessagesToSqlOperator(
            task_id="load_messages",
            sql_conn_id="warehouse",
            table="hvsms_messages",
            lookback=timedelta(days=1),
        )
    """

    extract = MessagesExtract
    target = TableTarget

    def __init__(
        self,
        *,
        sql_conn_id: str,
        table: str,
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
        on_schema_change: OnSchemaChange | str = "add",
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
        keep(self, TableTarget(sql_conn_id=sql_conn_id, table=table, on_schema_change=on_schema_change))
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


@takes(TableTarget, BatchesExtract)
class HvsmsBatchesToSqlOperator(HvsmsTransferOperator):
    """Loads the batches created in a window into a table.

    Columns: `id` (key), `from_number`, `batch_size`, `processed_count`, `status`, `rejected_count`, `rejected` (JSON),
    `cost`, `creation_time`, `last_modified_time`, `loaded_at`::

        HvsmsBatchesToSqlOperator(task_id="load_batches", sql_conn_id="warehouse", table="hvsms_batches")
    """

    extract = BatchesExtract
    target = TableTarget

    def __init__(
        self,
        *,
        sql_conn_id: str,
        table: str,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        from_number: str | None = None,
        statuses: Sequence[BatchStatus] | str = (),
        per_page: int = MAX_PER_PAGE,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        on_schema_change: OnSchemaChange | str = "add",
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
        keep(self, TableTarget(sql_conn_id=sql_conn_id, table=table, on_schema_change=on_schema_change))
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


@takes(TableTarget, StatusesExtract)
class HvsmsStatusesToSqlOperator(HvsmsTransferOperator):
    """Loads how many messages of a window or batch have which status into a table, one row for each status.

    Columns: `window_start`, `window_end`, `batch_id`, `direction`, `phone_numbers`, `status` (these six are the key,
    empty where a filter is not used), `count`, `cost`, `error_code_counts` (JSON), `loaded_at`::

        HvsmsStatusesToSqlOperator(task_id="load_statuses", sql_conn_id="warehouse", table="hvsms_statuses")
    """

    extract = StatusesExtract
    target = TableTarget

    def __init__(
        self,
        *,
        sql_conn_id: str,
        table: str,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        batch_id: str | Mapping[str, Any] | NotGiven | None = NOT_GIVEN,
        phone_numbers: Sequence[str] | str = (),
        direction: Direction | str | None = None,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        on_schema_change: OnSchemaChange | str = "add",
        extra_fields: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(hvsms_conn_id=hvsms_conn_id, on_invalid=on_invalid, extra_fields=extra_fields, **kwargs)
        keep(self, TableTarget(sql_conn_id=sql_conn_id, table=table, on_schema_change=on_schema_change))
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


@takes(TableTarget, OptOutsExtract)
class HvsmsOptOutsToSqlOperator(HvsmsTransferOperator):
    """Loads opt-outs as they are today into a table.

    Columns: `from_number`, `to_number` (these two are the key), `status`, `source`, `loaded_at`::

        HvsmsOptOutsToSqlOperator(task_id="load_opt_outs", sql_conn_id="warehouse", table="hvsms_opt_outs")
    """

    extract = OptOutsExtract
    target = TableTarget

    def __init__(
        self,
        *,
        sql_conn_id: str,
        table: str,
        from_number: str | None = None,
        to_number: str | None = None,
        status: OptOutStatus | str = "all",
        per_page: int = MAX_PER_PAGE,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        on_schema_change: OnSchemaChange | str = "add",
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
        keep(self, TableTarget(sql_conn_id=sql_conn_id, table=table, on_schema_change=on_schema_change))
        extract = OptOutsExtract(
            from_number=from_number,
            to_number=to_number,
            status=status,
            per_page=per_page,
        )
        keep(self, extract)
