"""The batches that were created recently, polled by a thread."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.filters import BatchFilter
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.hooks.client_settings import ClientSettings
from airflow_provider_hvsms.triggers.latest_queue import LatestQueue
from airflow_provider_hvsms.utils.batches import as_summary


@dataclasses.dataclass(frozen=True)
class RecentBatches:
    """All batches that were created in the time that a poll covers, completed or not, as summaries."""

    polled_at: datetime
    batches: list[dict[str, Any]]


async def poll_recent_batches(
    settings: ClientSettings, wanted: BatchFilter, *, reach: float, poll_interval: float
) -> AsyncIterator[RecentBatches]:
    """The result of each poll; of results not consumed yet, only the latest. It ends only with an error.

    :param reach: seconds before a poll in which its batches were created.
    :param poll_interval: seconds between the starts of two polls.
    :raises HvsmsError: a poll fails. It is not repeated here.
    """
    results: LatestQueue[RecentBatches] = LatestQueue()
    stopped = threading.Event()

    def poll_until_stopped() -> None:
        try:
            with settings.connect() as client:
                pause = 0.0
                while not stopped.wait(pause):
                    started = datetime.now(UTC)
                    results.put(_poll(client, wanted, Window(started - timedelta(seconds=reach), started)))
                    pause = max(0.0, poll_interval - (datetime.now(UTC) - started).total_seconds())
        except Exception as error:
            results.end(error)

    # A daemon: a request under way must not keep the triggerer from exiting.
    threading.Thread(target=poll_until_stopped, name="hvsms-batches-recent", daemon=True).start()
    try:
        async for result in results:
            yield result
    finally:
        stopped.set()


def _poll(client: MessageStoreClient, wanted: BatchFilter, window: Window) -> RecentBatches:
    pages = client.batch_pages(window, wanted, on_invalid="quarantine")
    return RecentBatches(window.end, [as_summary(batch) for page in pages for batch in page.records])
