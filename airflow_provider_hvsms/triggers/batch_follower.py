"""A thread that lists the batches created within some time, again and again."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import FinalError, HvsmsError
from airflow_provider_hvsms.api.filters import BatchFilter
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.api.window import Window

log = logging.getLogger(__name__)

_MAX_PAUSE = 300.0
"""Seconds between two attempts while the service is down."""


class FollowingEnded(Exception):
    """The batches cannot be followed with this connection."""


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
    """Lists batches until it is stopped, or credentials or the filter are refused.

    :param connect: makes the client; called in the thread.
    :param show: called in the thread after each look, with all batches of it; or once, at the end, with the reason.
    """

    def __init__(
        self,
        connect: Callable[[], MessageStoreClient],
        subject: Subject,
        show: Callable[[list[Batch] | FollowingEnded], None],
    ) -> None:
        self._connect = connect
        self._subject = subject
        self._show = show
        self._stopped = threading.Event()
        self._failures = 0

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
        except FinalError as error:
            self._show(FollowingEnded(str(error)))
        except Exception as error:
            log.exception("Following batches broke.")
            self._show(FollowingEnded(f"Following batches broke: {type(error).__name__}: {error}"))

    def _look(self, client: MessageStoreClient) -> float:
        """Look once, and return the pause before the next look in seconds."""
        now = datetime.now(UTC)
        window = Window(now - timedelta(seconds=self._subject.reach), now)
        try:
            pages = client.batch_pages(window, self._subject.wanted, on_invalid="quarantine")
            batches = [batch for page in pages for batch in page.records]
        except FinalError:
            raise
        except HvsmsError as error:
            return self._pause_after(error)
        self._failures = 0
        self._show(batches)
        return max(0.0, self._subject.poll_interval - (datetime.now(UTC) - now).total_seconds())

    def _pause_after(self, error: HvsmsError) -> float:
        if not self._failures:
            log.warning("The batches cannot be listed now, and will be as soon as it is possible again: %s", error)
        self._failures += 1
        return min(_MAX_PAUSE, self._subject.poll_interval * 2.0 ** min(self._failures, 60))
