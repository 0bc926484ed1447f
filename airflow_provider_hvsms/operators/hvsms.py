"""Small answers of the message store to XCom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_hvsms.api.filters import StatusFilter
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook, fail_without_retry
from airflow_provider_hvsms.operators.base import HvsmsBatchListOperator, HvsmsScopedOperator
from airflow_provider_hvsms.utils.batches import as_summary
from airflow_provider_hvsms.utils.data_interval import up_to_now

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.records import StatusTotal, StatusTotals


class HvsmsGetStatusesOperator(HvsmsScopedOperator):
    """Returns how many messages of a window or batch have which status, in a form that a branch can use.

    The result: `{"queued": {"count", "cost", "error_code_counts"}, "sent": …, "delivered": …, "delivery_failed": …,
    "sending_failed": …, "others": {…}, "total", "delivered_ratio", "failed_ratio"}`; ratios are of the total, 0 to 1,
    and 0 if there is no message; costs are numbers, or `None` where the service gave none.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        with fail_without_retry(self.hvsms_conn_id):
            self.check_arguments(context)
            with HvsmsHook(self.hvsms_conn_id).get_conn() as client:
                window = self.window_to_read(client, context)
                totals = client.get_statuses(window, StatusFilter(**self.scope()))
        self.log.info(
            "Of %s messages created in %s, %.1f %% were delivered and %.1f %% failed.",
            f"{totals.total:,}", window, 100 * totals.delivered_ratio, 100 * totals.failed_ratio,
        )  # fmt: skip
        return _as_result(totals)


class HvsmsListBatchesOperator(HvsmsBatchListOperator):
    """Returns the batches created in a window, for dynamic task mapping.

    The result: a list of `{"id", "status", "batch_size", "processed_count", "rejected_count", "cost",
    "creation_time"}`, without phone numbers. Map over the ids with
    `.expand(batch_id=batches.output.map(lambda batch: batch["id"]))`.
    """

    def execute(self, context: Context) -> list[dict[str, Any]]:
        with fail_without_retry(self.hvsms_conn_id):
            wanted = self.batch_filter()
            window = up_to_now(self.planned_window(context))
            with HvsmsHook(self.hvsms_conn_id).get_conn() as client:
                batches = [as_summary(batch) for batch in client.iter_batches(window, wanted)]
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
