"""What every transfer does: read page by page, hand the rows to a sink, say how it went."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_hvsms.api.filters import OnInvalid, check_choice
from airflow_provider_hvsms.api.read_ahead import read_ahead
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook, fail_without_retry
from airflow_provider_hvsms.operators.base import HvsmsOperator
from airflow_provider_hvsms.sinks.schema import REJECTS
from airflow_provider_hvsms.utils.arguments import check_when_parsed

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Page
    from airflow_provider_hvsms.api.window import Window
    from airflow_provider_hvsms.sinks.schema import Layout, Sink

_PAGES_BETWEEN_PROGRESS = 10


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a transfer reads.

    :param window: `None` for what has none.
    :param pages: one by one; while one is written, the next is read in another thread.
    """

    window: Window | None
    pages: Iterator[Page[Any]]


class HvsmsTransferOperator(HvsmsOperator):
    """Base of the transfers. One subclass says what is read, another one where it goes.

    :param on_invalid: what becomes of a record that does not have the documented shape. `fail` (default): the task
        fails and names it. `quarantine`: its JSON, the reason and the time go to the rejects, and it is counted.
    """

    layout: ClassVar[Layout[Any]]

    def __init__(self, *, on_invalid: OnInvalid = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_invalid: OnInvalid = on_invalid
        with check_when_parsed(self):
            check_choice("on_invalid", on_invalid, ("fail", "quarantine"))

    def check_arguments(self, context: Context) -> None:
        """Check what was rendered, before anything is asked or opened."""
        raise NotImplementedError

    def read(self, client: MessageStoreClient, context: Context) -> Reading:
        """Begin to read. The first page is asked for when it is taken."""
        raise NotImplementedError

    def open_sink(self) -> AbstractContextManager[Sink]:
        """Check the target and make it ready to take rows. Left without `finish`, the target is as it was."""
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the transfer, and return its summary.

        It holds `rows`, `pages`, `requests`, `date_from` and `date_to`; with `on_invalid="quarantine"` also `rejected`.
        """
        with fail_without_retry(self.hvsms_conn_id):
            self.check_arguments(context)
            with HvsmsHook(self.hvsms_conn_id).get_conn() as client, self.open_sink() as sink:
                reading = self.read(client, context)
                self.log.info("Reading %s.", f"what was created in {reading.window}" if reading.window else "all")
                progress = _Progress(client, self.log)
                loaded_at = datetime.now(UTC)
                with closing(read_ahead([reading.pages])) as pages:
                    for page in progress.over(pages):
                        sink.add(self.layout.rows(page.records, loaded_at), REJECTS.rows(page.rejects, loaded_at))
                summary = self._summarise(reading, progress, client)
                sink.finish(summary)
                self._tell(progress)
                return summary

    def _summarise(self, reading: Reading, progress: _Progress, client: MessageStoreClient) -> dict[str, Any]:
        window = reading.window
        summary: dict[str, Any] = {
            "rows": progress.rows,
            "pages": progress.pages,
            "requests": client.requests,
            "date_from": window and window.start.isoformat(),
            "date_to": window and window.end.isoformat(),
        }
        return summary if self.on_invalid == "fail" else {**summary, "rejected": progress.rejected}

    def _tell(self, progress: _Progress) -> None:
        self.log.info("Done: %s.", progress)
        if progress.rejected:
            self.log.warning(
                "%s records could not be read and are in the rejects, each with its reason.", f"{progress.rejected:,}"
            )


class _Progress:
    """Counts the pages that go by, and says so every few of them."""

    def __init__(self, client: MessageStoreClient, log: Any) -> None:
        self.pages = 0
        self.rows = 0
        self.rejected = 0
        self._client = client
        self._log = log
        self._started = time.monotonic()

    def over(self, pages: Iterator[Page[Any]]) -> Iterator[Page[Any]]:
        for page in pages:
            self.pages += 1
            self.rows += len(page.records)
            self.rejected += len(page.rejects)
            yield page
            if self.pages % _PAGES_BETWEEN_PROGRESS == 0:
                self._log.info("So far: %s.", self)

    def __str__(self) -> str:
        return (
            f"{self.pages:,} pages, {self.rows:,} rows, {time.monotonic() - self._started:.1f} s, "
            f"of which {self._client.waited:.1f} s waiting for quota"
        )
