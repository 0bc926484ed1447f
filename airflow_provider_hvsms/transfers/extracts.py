"""What each transfer reads, whatever it writes to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol, get_args

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.filters import (
    MAX_PER_PAGE,
    MessageFilter,
    OnInvalid,
    OptOutFilter,
    View,
    check_choice,
    check_concurrency,
    check_per_page,
)
from airflow_provider_hvsms.api.records import Page
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, OPT_OUTS, STATUSES, Layout, status_rows
from airflow_provider_hvsms.transfers.reconciliation import Reconcile, Reconciliation
from airflow_provider_hvsms.utils.arguments import ArgumentGroup
from airflow_provider_hvsms.utils.data_interval import up_to_now
from airflow_provider_hvsms.utils.filter_text import describe_filters, hide_numbers
from airflow_provider_hvsms.utils.selections import BatchSelection, MessageSelection
from airflow_provider_hvsms.utils.values import is_known

DEFAULT_CONCURRENCY = 4
"""Slices of a window that are read at once."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a transfer reads.

    :param window: `None` for a resource without one.
    :param pages: one by one; while one is written, the next is read in another thread.
    :param reconciliation: compares the totals when all pages were taken; `None`: they are not compared.
    """

    window: Window | None
    pages: Iterator[Page[Any]]
    reconciliation: Reconciliation | None = None

    def reconcile(self, log: Any) -> dict[str, Any]:
        """Compare the totals after the last page.

        :param log: the task's logger.
        :return: what it adds to the summary.
        :raises TotalsDiffer: the totals differ, and the load must fail.
        """
        if self.reconciliation is None:
            return {}
        totals = self.reconciliation.compare(log)
        return {"reconciled": totals and dataclasses.asdict(totals)}


class Extract(ArgumentGroup, Protocol):
    """The arguments that say what a transfer reads, and how it is read."""

    layout: ClassVar[Layout[Any]]
    resource: ClassVar[str]
    """What the log calls the records."""

    def check_rendered(self, context: Mapping[str, Any]) -> None:
        """Check the rendered arguments, before anything is sent or opened.

        :raises InvalidRequest: naming the argument.
        """

    def planned_window(self, context: Mapping[str, Any]) -> Window | None:
        """The window that the run stands for, whose end may lie in the future.

        :return: `None` for a resource without a window, and for one that only the message store knows.
        """

    @property
    def described_filters(self) -> str:
        """The rendered filters for the log, without phone numbers; empty if there are none."""

    def read(self, client: MessageStoreClient, context: Mapping[str, Any], on_invalid: OnInvalid) -> Reading:
        """Begin to read. The first page is requested when it is taken."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MessagesExtract(MessageSelection):
    """Messages of a window.

    :param view: `Simple` (default), or `Detailed` to read the texts too.
    :param per_page: messages a request, 1 to 1000 (default).
    :param concurrency: slices of the window that are read at once, 1 to 16; 4 by default. More than one are read only
        where the quota allows several requests in the time that one takes, and up to twice as many where the quota
        would not be used otherwise. A slice costs at most one more request. 1 reads one page after the other, the next
        one while one is written.
    :param reconcile: what happens if the message store counts other messages in the window than were read. `warn`
        (default): the log says so. `fail`: the load fails, and the target stays as it was. `off`: they are not
        counted, which saves one request.
    """

    layout: ClassVar[Layout[Any]] = MESSAGES
    resource: ClassVar[str] = "messages"
    template_fields: ClassVar[tuple[str, ...]] = (*MessageSelection.template_fields, "view", "reconcile")

    view: Any = "Simple"
    per_page: int = MAX_PER_PAGE
    concurrency: int = DEFAULT_CONCURRENCY
    reconcile: Any = "warn"

    def check_known(self) -> None:
        super().check_known()
        if is_known(self.view):
            check_choice("view", self.view, get_args(View))
        if is_known(self.reconcile):
            check_choice("reconcile", self.reconcile, get_args(Reconcile))
        check_per_page(self.per_page)
        check_concurrency(self.concurrency)

    def check_rendered(self, context: Mapping[str, Any]) -> None:
        super().check_rendered(context)
        self._message_filter()

    def read(self, client: MessageStoreClient, context: Mapping[str, Any], on_invalid: OnInvalid) -> Reading:
        window = self.window_to_read(client, context)
        pages = client.message_pages(
            window,
            self._message_filter(),
            per_page=self.per_page,
            on_invalid=on_invalid,
            concurrency=self.concurrency,
            find_unknown=True,
        )
        if self.reconcile == "off":
            return Reading(window, pages)
        reconciliation = Reconciliation(client, window, self.as_filter(), on_difference=self.reconcile)
        return Reading(window, reconciliation.over(pages), reconciliation)

    def _message_filter(self) -> MessageFilter:
        return MessageFilter(**self.filter_arguments(), view=self.view)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatusesExtract(MessageSelection):
    """How many messages have which status: one row for each status.

    The row's window is the one that the run stands for, also where its end still lies in the future, so that a later
    run of the interval updates the same rows. For a batch without dates, both ends are its creation.
    """

    layout: ClassVar[Layout[Any]] = STATUSES
    resource: ClassVar[str] = "statuses"

    def read(self, client: MessageStoreClient, context: Mapping[str, Any], on_invalid: OnInvalid) -> Reading:
        window = self.window_to_read(client, context)
        planned = self.planned_window(context)
        start, end = (planned.start, planned.end) if planned else (window.start, window.start)
        totals = client.get_statuses(window, self.as_filter())
        rows = status_rows(totals, start=start, end=end, **self.filter_arguments())
        return Reading(window, iter([Page(rows, unknown_fields=totals.unknown_fields)]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchesExtract(BatchSelection):
    """Batches of a window.

    :param per_page: batches a request, 1 to 1000 (default).
    """

    layout: ClassVar[Layout[Any]] = BATCHES
    resource: ClassVar[str] = "batches"

    per_page: int = MAX_PER_PAGE

    def check_known(self) -> None:
        super().check_known()
        check_per_page(self.per_page)

    def read(self, client: MessageStoreClient, context: Mapping[str, Any], on_invalid: OnInvalid) -> Reading:
        window = up_to_now(self.planned_window(context))
        pages = client.batch_pages(
            window, self.as_filter(), per_page=self.per_page, on_invalid=on_invalid, find_unknown=True
        )
        return Reading(window, pages)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptOutsExtract:
    """Opt-outs as they are today; they have no window.

    :param from_number: only opt-outs from this sender, `*` for any.
    :param to_number: only this recipient's.
    :param status: `all` by default, unlike the service's, so that a recipient who opts in again does not stay opted
        out in the target; or `optout`, `optin`.
    :param per_page: opt-outs a request, 1 to 1000 (default).
    """

    layout: ClassVar[Layout[Any]] = OPT_OUTS
    resource: ClassVar[str] = "opt-outs"
    template_fields: ClassVar[tuple[str, ...]] = ("from_number", "to_number", "status")
    personal_fields: ClassVar[tuple[str, ...]] = ("from_number", "to_number")

    from_number: Any = None
    to_number: Any = None
    status: Any = "all"
    per_page: int = MAX_PER_PAGE

    def check_known(self) -> None:
        OptOutFilter(**{name: value for name, value in self._filter_arguments().items() if is_known(value)})
        check_per_page(self.per_page)

    def check_rendered(self, context: Mapping[str, Any]) -> None:
        OptOutFilter(**self._filter_arguments())

    def planned_window(self, context: Mapping[str, Any]) -> None:
        return None

    def read(self, client: MessageStoreClient, context: Mapping[str, Any], on_invalid: OnInvalid) -> Reading:
        wanted = OptOutFilter(**self._filter_arguments())
        pages = client.opt_out_pages(wanted, per_page=self.per_page, on_invalid=on_invalid, find_unknown=True)
        return Reading(None, pages)

    @property
    def described_filters(self) -> str:
        numbers = {"from_number": hide_numbers(self.from_number), "to_number": hide_numbers(self.to_number)}
        return describe_filters(**numbers, status=self.status)

    def _filter_arguments(self) -> dict[str, Any]:
        return {"from_number": self.from_number, "to_number": self.to_number, "status": self.status}
