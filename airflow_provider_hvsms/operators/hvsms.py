"""Small answers of the message store to XCom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_hvsms.api.filters import BatchStatus, Direction
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.utils.arguments import NOT_GIVEN, NotGiven, keep, rendered, takes
from airflow_provider_hvsms.utils.batches import as_summary
from airflow_provider_hvsms.utils.data_interval import up_to_now
from airflow_provider_hvsms.utils.failures import fail_without_retry
from airflow_provider_hvsms.utils.selections import BatchSelection, MessageSelection

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.records import StatusTotal, StatusTotals


@takes(MessageSelection)
class HvsmsGetStatusesOperator(BaseOperator):
    """Returns how many messages of a window or batch have which status, in a form that a branch can use.

    The result: `{"queued": {"count", "cost", "error_code_counts"}, "sent": …, "delivered": …, "delivery_failed": …,
    "sending_failed": …, "others": {…}, "total", "delivered_ratio", "failed_ratio"}`. Ratios are of the total, 0 to 1,
    and 0 if there is no message. Costs are numbers, or `None` where the service gave none::

        statuses = HvsmsGetStatusesOperator(task_id="statuses", batch_id="{{ params.batch_id }}")


        @task.branch
        def judge(totals):
            return "alert" if totals["failed_ratio"] > 0.05 else "report"


        judge(statuses.output)

    :param hvsms_conn_id: the connection to the message store.
    """

    template_fields: Sequence[str] = ("hvsms_conn_id",)

    def __init__(
        self,
        *,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        batch_id: str | Mapping[str, Any] | NotGiven | None = NOT_GIVEN,
        phone_numbers: Sequence[str] | str = (),
        direction: Direction | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hvsms_conn_id = hvsms_conn_id
        selection = MessageSelection(
            date_from=date_from,
            date_to=date_to,
            window=window,
            lookback=lookback,
            batch_id=batch_id,
            phone_numbers=phone_numbers,
            direction=direction,
        )
        keep(self, selection)

    def execute(self, context: Context) -> dict[str, Any]:
        selection = rendered(MessageSelection, self)
        with fail_without_retry(self.hvsms_conn_id):
            selection.check_rendered(context)
            with HvsmsHook(self.hvsms_conn_id).get_conn() as client:
                window = selection.window_to_read(client, context)
                totals = client.get_statuses(window, selection.as_filter())
        self.log.info(
            "Of %s messages created in %s, %.1f %% were delivered and %.1f %% failed.",
            f"{totals.total:,}", window, 100 * totals.delivered_ratio, 100 * totals.failed_ratio,
        )  # fmt: skip
        return _as_result(totals)


@takes(BatchSelection)
class HvsmsListBatchesOperator(BaseOperator):
    """Returns the batches created in a window, for dynamic task mapping.

    The result: a list of `{"id", "status", "batch_size", "processed_count", "rejected_count", "cost",
    "creation_time"}`, without phone numbers. Each can be given as a `batch_id`::

        batches = HvsmsListBatchesOperator(task_id="batches", statuses=["Completed"])
        HvsmsMessagesToSqlOperator.partial(task_id="load", sql_conn_id="warehouse", table="messages").expand(
            batch_id=batches.output
        )

    :param hvsms_conn_id: the connection to the message store.
    """

    template_fields: Sequence[str] = ("hvsms_conn_id",)

    def __init__(
        self,
        *,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        from_number: str | None = None,
        statuses: Sequence[BatchStatus] | str = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hvsms_conn_id = hvsms_conn_id
        selection = BatchSelection(
            date_from=date_from,
            date_to=date_to,
            window=window,
            lookback=lookback,
            from_number=from_number,
            statuses=statuses,
        )
        keep(self, selection)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        selection = rendered(BatchSelection, self)
        with fail_without_retry(self.hvsms_conn_id):
            selection.check_rendered(context)
            window = up_to_now(selection.resolve(context))
            with HvsmsHook(self.hvsms_conn_id).get_conn() as client:
                batches = [as_summary(batch) for batch in client.iter_batches(window, selection.as_filter())]
        self.log.info("%s batches were created in %s.", f"{len(batches):,}", window)
        return batches


def _as_result(totals: StatusTotals) -> dict[str, Any]:
    return {
        "queued": _as_counts(totals.queued),
        "sent": _as_counts(totals.sent),
        "delivered": _as_counts(totals.delivered),
        "delivery_failed": _as_counts(totals.delivery_failed),
        "sending_failed": _as_counts(totals.sending_failed),
        "others": {status: _as_counts(total) for status, total in totals.others.items()},
        "total": totals.total,
        "delivered_ratio": totals.delivered_ratio,
        "failed_ratio": totals.failed_ratio,
    }


def _as_counts(total: StatusTotal) -> dict[str, Any]:
    return {
        "count": total.count,
        "cost": None if total.cost is None else float(total.cost),
        "error_code_counts": dict(total.error_code_counts),
    }
