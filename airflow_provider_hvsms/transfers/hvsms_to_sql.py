"""From the message store into any database that has a common-sql hook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_hvsms.api.errors import InvalidSettings
from airflow_provider_hvsms.sinks.sql import SqlTable
from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator
from airflow_provider_hvsms.transfers.resources import MessagesTransfer

if TYPE_CHECKING:
    from airflow_provider_hvsms.sinks.rows import Row


class HvsmsToSqlOperator(HvsmsTransferOperator):
    """Writes rows into a table by upsert, all of them or none.

    The table is created if it is missing. The same interval again, or two overlapping ones at once, give the same
    table: of two states of a record the newer one stays, and a row that did not change is not touched.

    :param sql_conn_id: a connection whose hook is a common-sql hook.
    :param table: the table's name, or `schema.table`.
    """

    template_fields: Sequence[str] = ("sql_conn_id", "table")

    def __init__(self, *, sql_conn_id: str, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sql_conn_id = sql_conn_id
        self.table = table

    def write(self, batches: Iterable[list[Row]]) -> int:
        return SqlTable(self._sql_hook(), self.table, self.layout).load(batches)

    def _sql_hook(self) -> DbApiHook:
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
    `Simple` read has none), `loaded_at` (when this state of the row was loaded). Times are UTC.
    """

    template_fields: Sequence[str] = (*MessagesTransfer.template_fields, *HvsmsToSqlOperator.template_fields)
