"""What every transfer does: find its window, read it page by page, hand the rows to a sink, say how it went."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.hooks.data_interval import WindowRule
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook, failing_at_once

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Page
    from airflow_provider_hvsms.api.window import Window
    from airflow_provider_hvsms.sinks.rows import Layout, Row

_PAGES_BETWEEN_PROGRESS = 10


class HvsmsTransferOperator(BaseOperator):
    """Base of the transfers. A subclass says what is read (`layout`, `read`), another one where it goes (`write`).

    :param hvsms_conn_id: the connection to the message store.
    :param date_from: start of the window (inclusive), aware; the data interval's start by default.
    :param date_to: end of the window (exclusive), aware; the data interval's end by default. Never later than now.
    :param window: instead of `date_from`: read the span of this length that ends at the end.
    :param lookback: start this much earlier, to read again what changed since: a message's status and cost settle for
        hours after its creation.
    :param on_invalid: `fail`: a record that does not have the documented shape fails the task, and is named.
    """

    layout: ClassVar[Layout[Any]]

    template_fields: Sequence[str] = ("hvsms_conn_id", "date_from", "date_to")

    def __init__(
        self,
        *,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        window: timedelta | None = None,
        lookback: timedelta | None = None,
        on_invalid: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hvsms_conn_id = hvsms_conn_id
        self.date_from = date_from
        self.date_to = date_to
        self.window = window
        self.lookback = lookback
        self.on_invalid = on_invalid
        check_choice("on_invalid", on_invalid, ("fail",))
        self._window_rule.check()

    def read(self, client: MessageStoreClient, window: Window) -> Iterator[Page[Any]]:
        """The pages of the window. Arguments are checked at the call, the first request is sent at the first page."""
        raise NotImplementedError

    def write(self, batches: Iterable[list[Row]]) -> int:
        """Write the rows, all or none, and return how many there were; the target is checked before the first."""
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the transfer, and return its summary: `rows`, `pages`, `requests`, `date_from`, `date_to`."""
        with failing_at_once(self.hvsms_conn_id):
            window = self._window_rule.resolve(context)
            with HvsmsHook(self.hvsms_conn_id).get_conn() as client:
                pages = self.read(client, window)
                self.log.info("Reading what was created in %s.", window)
                progress = _Progress(client, self.log)
                loaded_at = datetime.now(timezone.utc)
                rows = self.write(self.layout.rows(page.records, loaded_at) for page in progress.over(pages))
                self.log.info("Done: %s.", progress)
                return {
                    "rows": rows,
                    "pages": progress.pages,
                    "requests": client.requests,
                    "date_from": window.start.isoformat(),
                    "date_to": window.end.isoformat(),
                }

    @property
    def _window_rule(self) -> WindowRule:
        return WindowRule(date_from=self.date_from, date_to=self.date_to, window=self.window, lookback=self.lookback)


class _Progress:
    """Counts the pages that go by, and says so every few of them."""

    def __init__(self, client: MessageStoreClient, log: Any) -> None:
        self.pages = 0
        self._rows = 0
        self._client = client
        self._log = log
        self._started = time.monotonic()

    def over(self, pages: Iterable[Page[Any]]) -> Iterator[Page[Any]]:
        for page in pages:
            self.pages += 1
            self._rows += len(page.records)
            yield page
            if self.pages % _PAGES_BETWEEN_PROGRESS == 0:
                self._log.info("So far: %s.", self)

    def __str__(self) -> str:
        return (
            f"{self.pages:,} pages, {self._rows:,} rows, {time.monotonic() - self._started:.1f} s, "
            f"of which {self._client.waited:.1f} s waiting for quota"
        )
