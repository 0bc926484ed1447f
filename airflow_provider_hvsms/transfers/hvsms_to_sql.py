"""From the message store into any database that has a common-sql hook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_hvsms.api.errors import InvalidSettings
from airflow_provider_hvsms.api.filters import (
    MAX_PER_PAGE,
    BatchStatus,
    Direction,
    OnInvalid,
    OptOutStatus,
    View,
    check_id,
)
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.sql.sink import SqlSink, open_table
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


class HvsmsToSqlOperator(HvsmsTransferOperator):
    """Writes rows into a table by upsert, all of them or none.

    The table is created if it is missing. The same window again, or two overlapping ones at once, give the same
    table: of two states of a record the newer one stays, and a row that did not change is not touched, so that
    `loaded_at` is the time at which this state of the row was loaded. Times are UTC. With `on_invalid="quarantine"`,
    records that cannot be read go to `<table>_rejects` in the same transaction.

    :param sql_conn_id: a connection whose hook is a common-sql hook.
    :param table: the table's name, or `schema.table`.
    """

    template_fields: Sequence[str] = (*HvsmsTransferOperator.template_fields, "sql_conn_id", "table")

    def __init__(self, *, sql_conn_id: str, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sql_conn_id = sql_conn_id
        self.table = table
        with check_when_parsed(self):
            if is_known(table):
                check_id("table", table)

    def open_sink(self) -> AbstractContextManager[SqlSink]:
        check_id("table", self.table)
        return open_table(
            self._sql_hook(), self.table, self.extract.layout, with_rejects=self.on_invalid == "quarantine"
        )

    def _sql_hook(self) -> DbApiHook:
        with explain_missing_connection(self.sql_conn_id):
            hook = BaseHook.get_hook(self.sql_conn_id)
        if not isinstance(hook, DbApiHook):
            raise InvalidSettings(
                f"Connection {self.sql_conn_id!r} gives a {type(hook).__name__}, which is no common-sql hook: "
                "name a database's connection in sql_conn_id."
            )
        return hook


@takes(MessagesExtract)
class HvsmsMessagesToSqlOperator(HvsmsToSqlOperator):
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
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        on_invalid: OnInvalid = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            sql_conn_id=sql_conn_id, table=table, hvsms_conn_id=hvsms_conn_id, on_invalid=on_invalid, **kwargs
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
class HvsmsBatchesToSqlOperator(HvsmsToSqlOperator):
    """Loads the batches created in a window into a table.

    Columns: `id` (key), `from_number`, `batch_size`, `processed_count`, `status`, `rejected_count`, `rejected` (JSON),
    `cost`, `creation_time`, `last_modified_time`, `loaded_at`::

        HvsmsBatchesToSqlOperator(task_id="load_batches", sql_conn_id="warehouse", table="hvsms_batches")
    """

    extract = BatchesExtract

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
        **kwargs: Any,
    ) -> None:
        super().__init__(
            sql_conn_id=sql_conn_id, table=table, hvsms_conn_id=hvsms_conn_id, on_invalid=on_invalid, **kwargs
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
class HvsmsStatusesToSqlOperator(HvsmsToSqlOperator):
    """Loads how many messages of a window or batch have which status into a table, one row for each status.

    Columns: `window_start`, `window_end`, `batch_id`, `direction`, `phone_numbers`, `status` (these six are the key,
    empty where a filter is not used), `count`, `cost`, `error_code_counts` (JSON), `loaded_at`::

        HvsmsStatusesToSqlOperator(task_id="load_statuses", sql_conn_id="warehouse", table="hvsms_statuses")
    """

    extract = StatusesExtract

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
        **kwargs: Any,
    ) -> None:
        super().__init__(
            sql_conn_id=sql_conn_id, table=table, hvsms_conn_id=hvsms_conn_id, on_invalid=on_invalid, **kwargs
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
class HvsmsOptOutsToSqlOperator(HvsmsToSqlOperator):
    """Loads opt-outs as they are today into a table.

    Columns: `from_number`, `to_number` (these two are the key), `status`, `source`, `loaded_at`::

        HvsmsOptOutsToSqlOperator(task_id="load_opt_outs", sql_conn_id="warehouse", table="hvsms_opt_outs")
    """

    extract = OptOutsExtract

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
        **kwargs: Any,
    ) -> None:
        super().__init__(
            sql_conn_id=sql_conn_id, table=table, hvsms_conn_id=hvsms_conn_id, on_invalid=on_invalid, **kwargs
        )
        extract = OptOutsExtract(
            from_number=from_number,
            to_number=to_number,
            status=status,
            per_page=per_page,
        )
        keep(self, extract)
