"""Small answers of the message store to XCom, and a check of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_hvsms.api.errors import CheckFailed
from airflow_provider_hvsms.api.filters import BatchStatus, Direction
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.utils.arguments import NOT_GIVEN, NotGiven, keep, rendered, takes
from airflow_provider_hvsms.utils.batches import as_summary
from airflow_provider_hvsms.utils.data_interval import up_to_now
from airflow_provider_hvsms.utils.failures import fail_without_retry
from airflow_provider_hvsms.utils.selections import BatchSelection, MessageSelection
from airflow_provider_hvsms.utils.status_check import StatusCheck
from airflow_provider_hvsms.utils.status_limits import LimitArguments
from airflow_provider_hvsms.utils.statuses import as_result, count_errors, errors_in_words

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.records import StatusTotals
    from airflow_provider_hvsms.api.window import Window


@takes(MessageSelection)
class HvsmsGetStatusesOperator(BaseOperator):
    """Returns how many messages of a window or batch have which status, in a form that a branch can use.

    The result: `{"queued": {"count", "cost", "error_code_counts"}, "sent": …, "delivered": …, "delivery_failed": …,
    "sending_failed": …, "others": {…}, "total", "delivered_ratio", "failed_ratio", "errors"}`. Ratios are of the total,
    0 to 1, and 0 if there is no message. Costs are numbers, or `None` where the service gave none. `errors` explains
    each error code, the most frequent first: `[{"code", "count", "kind", "meaning", "remedy"}, …]`::

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
            window, totals = _read_statuses(self.hvsms_conn_id, selection, context)
        failed = (totals.delivery_failed, totals.sending_failed)
        self.log.info(
            "Of %s messages created in %s, %.1f %% were delivered and %.1f %% failed%s.",
            f"{totals.total:,}", window, 100 * totals.delivered_ratio, 100 * totals.failed_ratio,
            errors_in_words(count_errors(*failed), sum(total.count for total in failed)),
        )  # fmt: skip
        return as_result(totals)


@takes(LimitArguments, MessageSelection)
class HvsmsCheckStatusesOperator(BaseOperator):
    """Fails if too many messages of a window or batch failed, if they cost too much, or if there are too few.

    The failure is one sentence with the numbers, the limits and the leading error codes in words. Airflow's retries
    repeat it, because statuses settle for hours: give the task a `retry_delay` in which they can, or `retries=0` to
    fail at once. The result is that of `HvsmsGetStatusesOperator`::

        HvsmsCheckStatusesOperator(
            task_id="check",
            batch_id="{{ params.batch_id }}",
            max_failed_ratio=0.05,
            max_cost=50,
            min_messages=1_000,
            retries=3,
            retry_delay=timedelta(hours=1),
        )

    :param hvsms_conn_id: the connection to the message store.
    """

    template_fields: Sequence[str] = ("hvsms_conn_id",)

    def __init__(
        self,
        *,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        max_failed_ratio: float | Decimal | str | None = 0.05,
        max_cost: float | Decimal | str | None = None,
        min_messages: int | str | None = None,
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
        limits = LimitArguments(max_failed_ratio=max_failed_ratio, max_cost=max_cost, min_messages=min_messages)
        selection = MessageSelection(
            date_from=date_from,
            date_to=date_to,
            window=window,
            lookback=lookback,
            batch_id=batch_id,
            phone_numbers=phone_numbers,
            direction=direction,
        )
        keep(self, limits)
        keep(self, selection)

    def execute(self, context: Context) -> dict[str, Any]:
        selection = rendered(MessageSelection, self)
        with fail_without_retry(self.hvsms_conn_id):
            limits = rendered(LimitArguments, self).resolve()
            selection.check_rendered(context)
            window, totals = _read_statuses(self.hvsms_conn_id, selection, context)
        check = StatusCheck(totals, limits)
        batch_id = selection.as_filter().batch_id
        sentence = check.in_words(f"{window} for batch {batch_id}" if batch_id else str(window))
        if not check.is_passed:
            raise CheckFailed(sentence)
        self.log.info("%s", sentence)
        return as_result(totals)


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


def _read_statuses(
    hvsms_conn_id: str, selection: MessageSelection, context: Mapping[str, Any]
) -> tuple[Window, StatusTotals]:
    with HvsmsHook(hvsms_conn_id).get_conn() as client:
        window = selection.window_to_read(client, context)
        return window, client.get_statuses(window, selection.as_filter())
