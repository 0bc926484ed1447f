"""From the message store into any database that has a common-sql hook."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_hvsms.api.errors import InvalidSettings
from airflow_provider_hvsms.api.filters import check_id
from airflow_provider_hvsms.hooks.hvsms import explain_missing_connection
from airflow_provider_hvsms.sinks.sql.sink import SqlSink, open_table
from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator
from airflow_provider_hvsms.transfers.resources import (
    BatchesTransfer,
    MessagesTransfer,
    OptOutsTransfer,
    StatusesTransfer,
)
from airflow_provider_hvsms.utils.arguments import check_when_parsed, is_known


class HvsmsToSqlOperator(HvsmsTransferOperator):
    """Writes rows into a table by upsert, all of them or none.

    The table is created if it is missing. The same window again, or two overlapping ones at once, give the same
    table: of two states of a record the newer one stays, and a row that did not change is not touched, so that
    `loaded_at` tells when this state of a row was loaded. Times are UTC. With `on_invalid="quarantine"`, records that
    cannot be read go to `<table>_rejects` in the same transaction.

    :param sql_conn_id: a connection whose hook is a common-sql hook.
    :param table: the table's name, or `schema.table`.
    """

    template_fields: Sequence[str] = ("sql_conn_id", "table")

    def __init__(self, *, sql_conn_id: str, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sql_conn_id = sql_conn_id
        self.table = table
        with check_when_parsed(self):
            if is_known(table):
                check_id("table", table)

    def open_sink(self) -> AbstractContextManager[SqlSink]:
        check_id("table", self.table)
        return open_table(self._sql_hook(), self.table, self.layout, with_rejects=self.on_invalid == "quarantine")

    def _sql_hook(self) -> DbApiHook:
        with explain_missing_connection(self.sql_conn_id):
            hook = BaseHook.get_hook(self.sql_conn_id)
        if not isinstance(hook, DbApiHook):
            raise InvalidSettings(
                f"Connection {self.sql_conn_id!r} gives a {type(hook).__name__}, which is no common-sql hook: "
                "name a database's connection in sql_conn_id."
            )
        return hook


class HvsmsMessagesToSqlOperator(MessagesTransfer, HvsmsToSqlOperator):
    """Loads the messages created in a window into a table.

    Columns: `id` (key), `batch_id`, `direction`, `from_number`, `to_number` (several joined by commas),
    `message_status`, `error_code`, `segment_count`, `cost`, `creation_time`, `last_modified_time`, `text` (kept when a
    `Simple` read has none), `loaded_at`.
    """

    template_fields: Sequence[str] = (*MessagesTransfer.template_fields, *HvsmsToSqlOperator.template_fields)


class HvsmsBatchesToSqlOperator(BatchesTransfer, HvsmsToSqlOperator):
    """Loads the batches created in a window into a table.

    Columns: `id` (key), `from_number`, `batch_size`, `processed_count`, `status`, `rejected_count`, `rejected` (JSON),
    `cost`, `creation_time`, `last_modified_time`, `loaded_at`.
    """

    template_fields: Sequence[str] = (*BatchesTransfer.template_fields, *HvsmsToSqlOperator.template_fields)


class HvsmsStatusesToSqlOperator(StatusesTransfer, HvsmsToSqlOperator):
    """Loads how many messages of a window or batch have which status into a table, one row for each status.

    Columns: `window_start`, `window_end`, `batch_id`, `direction`, `phone_numbers`, `status` (these six are the key,
    empty where a filter is not used), `count`, `cost`, `error_code_counts` (JSON), `loaded_at`.
    """

    template_fields: Sequence[str] = (*StatusesTransfer.template_fields, *HvsmsToSqlOperator.template_fields)


class HvsmsOptOutsToSqlOperator(OptOutsTransfer, HvsmsToSqlOperator):
    """Loads opt-outs into a table.

    Columns: `from_number`, `to_number` (these two are the key), `status`, `source`, `loaded_at`.
    """

    template_fields: Sequence[str] = (*OptOutsTransfer.template_fields, *HvsmsToSqlOperator.template_fields)
