"""How far a transfer is, as its log says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Page

PAGES_BETWEEN_LINES = 10


class Progress:
    """Counts the pages of a transfer, and logs a line every ten of them.

    :param log: the task's logger.
    """

    def __init__(self, client: MessageStoreClient, log: Any) -> None:
        self.pages = 0
        self.rows = 0
        self.rejected = 0
        self._client = client
        self._log = log
        self._started = time.monotonic()

    @property
    def requests(self) -> int:
        """Requests sent so far, repeated ones too."""
        return self._client.requests

    def over(self, pages: Iterator[Page[Any]]) -> Iterator[Page[Any]]:
        """The pages, counted as they are taken."""
        for page in pages:
            self.pages += 1
            self.rows += len(page.records)
            self.rejected += len(page.rejects)
            yield page
            if self.pages % PAGES_BETWEEN_LINES == 0:
                self._log.info("So far: %s.", self)

    def log_end(self) -> None:
        """Log the totals."""
        self._log.info("Done: %s.", self)
        if self.rejected:
            self._log.warning(
                "%s records could not be read and are in the rejects, each with its reason.", f"{self.rejected:,}"
            )

    def __str__(self) -> str:
        return (
            f"{self.pages:,} pages, {self.rows:,} rows, {time.monotonic() - self._started:.1f} s, "
            f"of which {self._client.waited:.1f} s waiting for quota"
        )
