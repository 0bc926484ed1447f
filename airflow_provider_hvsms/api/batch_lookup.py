"""The state of many batches with few requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import InvalidSettings, LoginRefused, PermanentError, PermissionDenied
from airflow_provider_hvsms.api.filters import BatchFilter, BatchStatus
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.api.window import Window

COMPLETED = "Completed"

_UNFINISHED: tuple[BatchStatus, ...] = ("Queued", "Processing", "Sent")

_FEW = 3
"""Batches that are read one by one: more are cheaper to find in a list."""

_FIRST_LOOK_BACK = timedelta(days=7)
"""How far lists reach back for batches whose creation is not known yet; older ones are read once."""

_A_MOMENT = timedelta(milliseconds=2)

_CLOCK_SKEW = timedelta(hours=1)
"""So far into the future do lists reach, for clocks that differ from the service's."""


class BatchLookup:
    """Looks again and again at batches that are waited for.

    A few are read one by one. Of more, the unfinished ones are found in one list, from the oldest of them on, and
    those that left it are read once to be sure; when many left it at once, a second list has them. No list takes more
    requests than reading one by one would.

    :param now: the present, aware.
    """

    def __init__(self, client: MessageStoreClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._now = now
        self._created: dict[str, datetime] = {}

    def look(self, batch_ids: Collection[str], *, waited_for: Iterable[str] = ()) -> dict[str, Batch | PermanentError]:
        """The batches as they are now; in place of one that is not there, or cannot be read, the error that says so.

        :param waited_for: batches that will be looked at again though not now, so that their creation is remembered.
        :raises HvsmsError: what concerns all of them.
        """
        pending = {*batch_ids, *waited_for}
        self._created = {batch_id: created for batch_id, created in self._created.items() if batch_id in pending}
        found: dict[str, Batch | PermanentError] = {}
        lists: tuple[tuple[BatchStatus, ...], ...] = (_UNFINISHED, ())
        for statuses in lists:
            left = _without(batch_ids, found)
            if len(left) > _FEW:
                found.update(self._listed(left, statuses))
        found.update({batch_id: self._read(batch_id) for batch_id in _without(batch_ids, found)})
        self._created.update({batch.id: batch.creation_time for batch in found.values() if isinstance(batch, Batch)})
        return found

    def _listed(self, wanted: Collection[str], statuses: tuple[BatchStatus, ...]) -> dict[str, Batch]:
        now = self._now()
        created = [self._created.get(batch_id) for batch_id in wanted]
        oldest = min(one or now - _FIRST_LOOK_BACK for one in created)
        newest = max(one + _A_MOMENT if one else now + _CLOCK_SKEW for one in created)
        window = Window(oldest, newest)
        pages = self._client.batch_pages(window, BatchFilter(statuses=statuses), on_invalid="quarantine")
        missing = set(wanted)
        found: dict[str, Batch] = {}
        for page in islice(pages, len(missing)):
            found.update({batch.id: batch for batch in page.records if batch.id in missing})
            if len(found) == len(missing):
                break
        return found

    def _read(self, batch_id: str) -> Batch | PermanentError:
        try:
            return self._client.get_batch(batch_id)
        except (LoginRefused, PermissionDenied, InvalidSettings):
            raise
        except PermanentError as error:
            return error


def _without(batch_ids: Iterable[str], found: Collection[str]) -> list[str]:
    return [batch_id for batch_id in batch_ids if batch_id not in found]
