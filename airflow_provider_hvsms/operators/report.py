"""The delivery report of a loaded messages table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator, ObjectStoragePath

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_id
from airflow_provider_hvsms.operators.report_link import REPORT_LINKS
from airflow_provider_hvsms.reports.charts.canvas import import_matplotlib
from airflow_provider_hvsms.reports.files import ReportFiles
from airflow_provider_hvsms.reports.json import as_json
from airflow_provider_hvsms.reports.page import render_page
from airflow_provider_hvsms.reports.query import COLUMNS, GROUPINGS, Grouping, read_numbers
from airflow_provider_hvsms.sinks.schema import MESSAGES
from airflow_provider_hvsms.sinks.sql.reader import open_table_reader
from airflow_provider_hvsms.sinks.table_reader import TableReader
from airflow_provider_hvsms.sinks.warehouses.reader import open_warehouse_reader
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from airflow_provider_hvsms.utils.arguments import keep, rendered, takes
from airflow_provider_hvsms.utils.connections import as_sql_hook, get_hook, get_path
from airflow_provider_hvsms.utils.data_interval import WindowArguments, up_to_now
from airflow_provider_hvsms.utils.failures import fail_without_retry
from airflow_provider_hvsms.utils.lineage import (
    input_dataset,
    name_folder,
    name_table,
    operator_lineage,
    output_dataset,
)
from airflow_provider_hvsms.utils.values import as_list, is_known

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_hvsms.api.window import Window
    from airflow_provider_hvsms.reports.numbers import ReportNumbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportArguments:
    """The arguments that say what a report is of, and where it goes.

    :param sql_conn_id: the connection to the database or warehouse that holds the table; nothing is changed there.
    :param table: the table that `HvsmsMessagesToSqlOperator` loads, named as there.
    :param path: the page, if it ends in `.html`: its numbers go beside it, with the suffix `.json`. Any other path is a
        folder, for `delivery_report.html` and `delivery_report.json`. What precedes an `@` is the Airflow connection,
        as in `s3://aws_default@reports/{{ ds }}`. Files that are there are replaced.
    :param group_by: what the report compares: any of `day`, `from_number` and `batch_id`; all by default. Totals and
        error codes are always in it.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("sql_conn_id", "table", "path", "group_by")
    personal_fields: ClassVar[tuple[str, ...]] = ()

    sql_conn_id: str
    table: str
    path: str | ObjectStoragePath
    group_by: Sequence[Grouping] | str = GROUPINGS

    def check_known(self) -> None:
        if is_known(self.table):
            check_id("table", self.table)
        if is_known(self.path):
            check_id("path", str(self.path))
        if is_known(self.group_by):
            self._check_group_by()

    def groupings(self) -> list[str]:
        """What the report is grouped by.

        :raises InvalidRequest: it is none of the allowed names.
        """
        self._check_group_by()
        return [name for name in as_list(self.group_by) if name]

    def files(self) -> ReportFiles:
        return ReportFiles.at(get_path(self.path))

    def open(self) -> AbstractContextManager[TableReader]:
        """Check that the table can be read, and read it in the block."""
        hook = get_hook(self.sql_conn_id)
        if warehouse := find_warehouse(hook):
            return open_warehouse_reader(warehouse, self.table, COLUMNS)
        return open_table_reader(as_sql_hook(self.sql_conn_id, hook), self.table, MESSAGES, COLUMNS)

    def _check_group_by(self) -> None:
        names = as_list(self.group_by)
        unknown = [name for name in names if name and name not in GROUPINGS] if isinstance(names, Sequence) else names
        if unknown or not isinstance(names, Sequence):
            raise InvalidRequest(
                f"group_by is {self.group_by!r}; it must be a list of some of these: {', '.join(GROUPINGS)}."
            )


@takes(WindowArguments, ReportArguments)
class HvsmsDeliveryReportOperator(BaseOperator):
    """Writes a delivery report of a loaded messages table: a self-contained HTML page, and its numbers as JSON.

    The report covers the messages that were created in the window: the delivery rate, volume and cost by day, failures
    by error code with their remedies, senders compared, and the worst batches. Phone numbers are masked. A window
    without messages gives a report that says so. The page needs the extra `report`.

    The result: `{"path", "json", "date_from", "date_to", "messages", "inbound", "delivered", "failed", "unknown",
    "pending", "delivery_rate", "cost"}`. `path` and `json` are the files; `delivery_rate` is delivered ÷ (delivered +
    failed), 0 to 1, or `None`; `cost` is in dollars; `messages` are the outbound ones::

        HvsmsDeliveryReportOperator(
            task_id="report",
            sql_conn_id="warehouse",
            table="hvsms_messages",
            path="s3://aws_default@reports/hvsms/{{ data_interval_start | ds }}",
        )
    """

    operator_extra_links = REPORT_LINKS

    def __init__(
        self,
        *,
        sql_conn_id: str,
        table: str,
        path: str | ObjectStoragePath,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        group_by: Sequence[Grouping] | str = GROUPINGS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        keep(self, WindowArguments(date_from=date_from, date_to=date_to, window=window, lookback=lookback))
        keep(self, ReportArguments(sql_conn_id=sql_conn_id, table=table, path=path, group_by=group_by))

    def execute(self, context: Context) -> dict[str, Any]:
        arguments = rendered(ReportArguments, self)
        with fail_without_retry(arguments.sql_conn_id):
            arguments.check_known()
            window = up_to_now(rendered(WindowArguments, self).resolve(context))
            import_matplotlib()
            files = arguments.files()
            files.prepare()
            numbers = self._read(arguments, window)
            files.write(page=render_page(numbers), json=as_json(numbers))
        self.log.info("The report was written to %s.", files.page.path)
        return {"path": str(files.page), "json": str(files.json), **_key_numbers(numbers)}

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Describe the report to OpenLineage: the table that it was read from, and the page."""
        arguments = rendered(ReportArguments, self)
        table, page = name_table(arguments.sql_conn_id, arguments.table), name_folder(arguments.files().page)
        return operator_lineage([input_dataset(table)], [output_dataset(page)])

    def _read(self, arguments: ReportArguments, window: Window) -> ReportNumbers:
        groupings = arguments.groupings()
        self.log.info("Reading the messages of table %r that were created in %s.", arguments.table, window)
        with arguments.open() as reader:
            numbers = read_numbers(reader, arguments.table, window, groupings)
        outbound = numbers.outbound
        self.log.info(
            "Of %s outbound messages, %s were delivered and %s failed; of %s it is unknown, and %s are pending. "
            "%s messages were received.",
            *(
                f"{count:,}"
                for count in (
                    outbound.total.count,
                    outbound.delivered.count,
                    outbound.failed.count,
                    outbound.unknown.count,
                    outbound.pending.count,
                    numbers.inbound,
                )
            ),
        )
        return numbers


def _key_numbers(numbers: ReportNumbers) -> dict[str, Any]:
    outbound = numbers.outbound
    return {
        "date_from": numbers.start.isoformat(),
        "date_to": numbers.end.isoformat(),
        "messages": outbound.total.count,
        "inbound": numbers.inbound,
        "delivered": outbound.delivered.count,
        "failed": outbound.failed.count,
        "unknown": outbound.unknown.count,
        "pending": outbound.pending.count,
        "delivery_rate": outbound.delivery_rate,
        "cost": float(outbound.total.cost),
    }
