"""How far a transfer is, as its log says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Page
    from airflow_provider_hvsms.api.window import Window

SECONDS_BETWEEN_LINES = 60.0
"""A load of some hours has a line a minute, which is the service's quota window; a short one has none."""


class Progress:
    """Counts the pages of a transfer, and logs where it begins and ends, and a line a minute between them.

    :param log: the task's logger.
    :param window: the window that is read; `None` for a resource without one.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        client: MessageStoreClient,
        log: Any,
        window: Window | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pages = 0
        self.rows = 0
        self.rejected = 0
        self._client = client
        self._log = log
        self._window = window
        self._covered = timedelta()
        self._clock = clock
        self._started = self._logged_at = clock()
        self._logged_rows = 0

    @property
    def requests(self) -> int:
        """Requests sent so far, repeated ones too."""
        return self._client.requests

    def log_begin(self, resource: str, filters: str, target: str) -> None:
        """Log what is read, and where it goes.

        :param filters: the filters, without phone numbers; empty for none.
        """
        created = f" created in {self._window}" if self._window else ""
        self._log.info("Reading %s%s%s into %s.", resource, created, f" with {filters}" if filters else "", target)

    def over(self, pages: Iterator[Page[Any]]) -> Iterator[Page[Any]]:
        """The pages, counted as they are taken."""
        for page in pages:
            self.pages += 1
            self.rows += len(page.records)
            self.rejected += len(page.rejects)
            self._covered += page.covered
            yield page
            if self._clock() - self._logged_at >= SECONDS_BETWEEN_LINES:
                self._log_progress()

    def log_end(self, summary: Mapping[str, Any]) -> None:
        """Log the totals.

        :param summary: the transfer's, with the changes of the target.
        """
        changes = [f"{summary[name]:,} {name}" for name in ("inserted", "updated", "unchanged") if name in summary]
        parts = [f"{self.rows:,} rows" + (f" ({', '.join(changes)})" if changes else "")]
        if "rejected" in summary:
            parts.append(f"{self.rejected:,} rejected")
        if "reconciled" in summary:
            parts.append(_reconciled(summary["reconciled"]))
        parts += [f"{self.pages:,} pages, {self.requests:,} requests", self._time()]
        self._log.info("Done: %s.", ", ".join(parts))
        if self.rejected:
            self._log.warning(
                "%s records could not be read and are in the rejects, each with its reason.", f"{self.rejected:,}"
            )

    def _log_progress(self) -> None:
        now = self._clock()
        parts = [f"{self.pages:,} pages, {self.rows:,} rows"]
        if self._window:
            parts.append(f"{int(100 * (self._covered / self._window.length))} % of the window")
        parts.append(f"{(self.rows - self._logged_rows) / (now - self._logged_at):,.0f} rows a second")
        if left := self._client.quota_left:
            parts.append(f"{left.requests:,} of {left.limit:,} requests left in the quota")
        self._log.info("So far: %s.", ", ".join([*parts, self._time()]))
        self._logged_at, self._logged_rows = now, self.rows

    def _time(self) -> str:
        seconds = self._clock() - self._started
        return f"{seconds:,.1f} s, of which {self._client.waited:,.1f} s waiting for quota"


def _reconciled(totals: Mapping[str, int] | None) -> str:
    return f"reconciled: {totals['read']:,} read and {totals['counted']:,} counted" if totals else "not reconciled"
