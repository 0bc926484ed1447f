"""What each resource's transfer reads, wherever it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_hvsms.api.filters import (
    MAX_PER_PAGE,
    MessageFilter,
    OptOutFilter,
    StatusFilter,
    View,
    check_choice,
    check_concurrency,
    check_per_page,
)
from airflow_provider_hvsms.api.records import Page
from airflow_provider_hvsms.operators.base import HvsmsBatchListOperator, HvsmsScopedOperator
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, OPT_OUTS, STATUSES, status_rows
from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator, Reading
from airflow_provider_hvsms.utils.arguments import PersonalArgument, check_when_parsed, is_known
from airflow_provider_hvsms.utils.data_interval import up_to_now

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.client import MessageStoreClient


class MessagesTransfer(HvsmsScopedOperator, HvsmsTransferOperator):
    """Reads messages.

    :param view: `Simple` (default), or `Detailed` to read the texts too.
    :param per_page: messages a request, 1 to 1000.
    :param concurrency: 4 by default, 1 to 16. Where the quota allows several requests in the time that one takes, so
        many spans of the window are read at once, or up to twice as many where the quota would not be used otherwise.
        A span costs one more request at most. 1 reads one page after the other, the next while one is written.
    """

    layout = MESSAGES

    template_fields: Sequence[str] = (*HvsmsScopedOperator.template_fields, "view")

    def __init__(
        self, *, view: str = "Simple", per_page: int = MAX_PER_PAGE, concurrency: int = 4, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.view = view
        self.per_page = per_page
        self.concurrency = concurrency
        with check_when_parsed(self):
            if is_known(view):
                check_choice("view", view, get_args(View))
            check_per_page(per_page)
            check_concurrency(concurrency)

    def check_arguments(self, context: Context) -> None:
        super().check_arguments(context)
        self._wanted()

    def read(self, client: MessageStoreClient, context: Context) -> Reading:
        window = self.window_to_read(client, context)
        pages = client.message_pages(
            window,
            self._wanted(),
            per_page=self.per_page,
            on_invalid=self.on_invalid,
            concurrency=self.concurrency,
        )
        return Reading(window, pages)

    def _wanted(self) -> MessageFilter:
        arguments: dict[str, Any] = {**self.scope(), "view": self.view}
        return MessageFilter(**arguments)


class StatusesTransfer(HvsmsScopedOperator, HvsmsTransferOperator):
    """Reads how many messages have which status: one row for each status.

    The row's window is the one that the run stands for, also where its end still lies in the future, so that a later
    run of the interval brings the same rows up to date. For a batch without dates, both ends are its creation.
    """

    layout = STATUSES

    def read(self, client: MessageStoreClient, context: Context) -> Reading:
        window = self.window_to_read(client, context)
        start, end = window.start, window.start
        if not self.is_about_a_batch_alone:
            planned = self.planned_window(context)
            start, end = planned.start, planned.end
        totals = client.get_statuses(window, StatusFilter(**self.scope()))
        return Reading(window, iter([Page(status_rows(totals, start=start, end=end, **self.scope()))]))


class BatchesTransfer(HvsmsBatchListOperator, HvsmsTransferOperator):
    """Reads batches.

    :param per_page: batches a request, 1 to 1000.
    """

    layout = BATCHES

    def __init__(self, *, per_page: int = MAX_PER_PAGE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.per_page = per_page
        with check_when_parsed(self):
            check_per_page(per_page)

    def check_arguments(self, context: Context) -> None:
        self.batch_filter()
        self.planned_window(context)

    def read(self, client: MessageStoreClient, context: Context) -> Reading:
        window = up_to_now(self.planned_window(context))
        pages = client.batch_pages(window, self.batch_filter(), per_page=self.per_page, on_invalid=self.on_invalid)
        return Reading(window, pages)


class OptOutsTransfer(HvsmsTransferOperator):
    """Reads opt-outs as they are today; they have no window.

    :param from_number: only those from this sender, `*` for any.
    :param to_number: only this recipient's.
    :param status: `all` by default, unlike the service's, so that who opts in again does not stay opted out in the
        target; or `optout`, `optin`.
    :param per_page: opt-outs a request, 1 to 1000.
    """

    layout = OPT_OUTS

    template_fields: Sequence[str] = (*HvsmsTransferOperator.template_fields, "from_number", "to_number", "status")

    from_number = PersonalArgument()
    to_number = PersonalArgument()

    def __init__(
        self,
        *,
        from_number: str | None = None,
        to_number: str | None = None,
        status: str = "all",
        per_page: int = MAX_PER_PAGE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.from_number = from_number
        self.to_number = to_number
        self.status = status
        self.per_page = per_page
        with check_when_parsed(self):
            OptOutFilter(**{name: value for name, value in self._arguments().items() if is_known(value)})
            check_per_page(per_page)

    def check_arguments(self, context: Context) -> None:
        OptOutFilter(**self._arguments())

    def read(self, client: MessageStoreClient, context: Context) -> Reading:
        wanted = OptOutFilter(**self._arguments())
        return Reading(None, client.opt_out_pages(wanted, per_page=self.per_page, on_invalid=self.on_invalid))

    def _arguments(self) -> dict[str, Any]:
        return {"from_number": self.from_number, "to_number": self.to_number, "status": self.status}
