"""A thread that lists the batches created within some time, again and again."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import HvsmsError
from airflow_provider_hvsms.api.filters import BatchFilter
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.api.window import Window

log = logging.getLogger(__name__)


class FollowingEnded(Exception):
    """The batches cannot be followed with this connection, or not now."""


@dataclasses.dataclass(frozen=True)
class Look:
    """All batches that were created within reach, as they were at a moment."""

    at: datetime
    batches: list[Batch]


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is followed.

    :param reach: seconds that may have passed since a batch's creation.
    :param poll_interval: seconds between the beginnings of two looks.
    """

    wanted: BatchFilter
    reach: float
    poll_interval: float


class BatchFollower:
    """Lists batches until it is stopped or fails.

    :param connect: makes the client; called in the thread.
    :param show: called in the thread with each look; or once, at the end, with the reason.
    """

    def __init__(
        self,
        connect: Callable[[], MessageStoreClient],
        subject: Subject,
        show: Callable[[Look | FollowingEnded], None],
    ) -> None:
        self._connect = connect
        self._subject = subject
        self._show = show
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="hvsms-batch-follower", daemon=True).start()

    def stop(self) -> None:
        """End after the look that is under way."""
        self._stopped.set()

    def _run(self) -> None:
        try:
            with self._connect() as client:
                pause = 0.0
                while not self._stopped.wait(pause):
                    pause = self._look(client)
        except HvsmsError as error:
            self._show(FollowingEnded(str(error)))
        except Exception as error:
            log.exception("Following batches broke.")
            self._show(FollowingEnded(f"Following batches broke: {type(error).__name__}: {error}"))

    def _look(self, client: MessageStoreClient) -> float:
        """Look once, and return the pause before the next look in seconds."""
        now = datetime.now(UTC)
        window = Window(now - timedelta(seconds=self._subject.reach), now)
        pages = client.batch_pages(window, self._subject.wanted, on_invalid="quarantine")
        self._show(Look(now, [batch for page in pages for batch in page.records]))
        return max(0.0, self._subject.poll_interval - (datetime.now(UTC) - now).total_seconds())
