"""The state of many batches with few requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import FinalError, InvalidSettings, LoginRefused, PermissionDenied
from airflow_provider_hvsms.api.filters import BatchFilter, BatchStatus
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.api.window import Window

COMPLETED = "Completed"

_UNFINISHED: tuple[BatchStatus, ...] = ("Queued", "Processing", "Sent")

_FEW = 3
"""Batches that are read one by one: more are cheaper to find in a list."""

_FIRST_LOOK_BACK = timedelta(days=7)
"""How old a batch may be to be found in the first list; older ones are read once, and lists reach back to them then."""

_CLOCK_SKEW = timedelta(hours=1)
"""So far into the future do lists reach, for clocks that differ from the service's."""


class BatchLookup:
    """Looks again and again at batches that are waited for.

    A few are read one by one. Once there were more, the unfinished ones are found in one list, and those that left it
    are read once to be sure; when many left it at once, a second list has them.

    :param now: the present, aware.
    """

    def __init__(self, client: MessageStoreClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._now = now
        self._earliest = now() - _FIRST_LOOK_BACK
        self._lists = False

    def look(self, batch_ids: Collection[str]) -> dict[str, Batch | FinalError]:
        """The batches as they are now; in place of one that is not there, or cannot be read, the error that says so.

        :raises HvsmsError: what concerns all of them.
        """
        self._lists = self._lists or len(batch_ids) > _FEW
        found: dict[str, Batch | FinalError] = {}
        if self._lists and batch_ids:
            found.update(self._listed(batch_ids, _UNFINISHED))
            left = _without(batch_ids, found)
            if len(left) > _FEW:
                found.update(self._listed(left, ()))
        found.update({batch_id: self._read(batch_id) for batch_id in _without(batch_ids, found)})
        return found

    def _listed(self, wanted: Collection[str], statuses: tuple[BatchStatus, ...]) -> dict[str, Batch]:
        window = Window(self._earliest, self._now() + _CLOCK_SKEW)
        pages = self._client.batch_pages(window, BatchFilter(statuses=statuses), on_invalid="quarantine")
        known = set(wanted)
        return {batch.id: batch for page in pages for batch in page.records if batch.id in known}

    def _read(self, batch_id: str) -> Batch | FinalError:
        try:
            batch = self._client.get_batch(batch_id)
        except (LoginRefused, PermissionDenied, InvalidSettings):
            raise
        except FinalError as error:
            return error
        if batch.status != COMPLETED:
            self._earliest = min(self._earliest, batch.creation_time)
        return batch


def _without(batch_ids: Iterable[str], found: Collection[str]) -> list[str]:
    return [batch_id for batch_id in batch_ids if batch_id not in found]
