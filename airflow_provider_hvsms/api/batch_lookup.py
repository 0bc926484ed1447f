"""The state of batches: single reads for a few, one list from the oldest pending batch on for many."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import InvalidSettings, LoginRefused, PermanentError, PermissionDenied
from airflow_provider_hvsms.api.filters import BatchFilter, BatchStatus
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.api.window import Window

COMPLETED = "Completed"

_PENDING: tuple[BatchStatus, ...] = ("Queued", "Processing", "Sent")
_ANY: tuple[BatchStatus, ...] = ()

_MAX_SINGLE_READS = 3
"""More batches than this are cheaper to find in a list."""

_DEFAULT_LOOK_BACK = timedelta(days=7)
"""Where a list starts for batches whose creation time is not known yet. Older ones are then read once."""

_AFTER_CREATION = timedelta(milliseconds=2)
"""Extends a list past its newest batch, as the service filters to the millisecond."""

_CLOCK_SKEW = timedelta(hours=1)
"""Extends a list into the future, for clocks that differ from the service's."""


@dataclasses.dataclass(frozen=True)
class LookupResult:
    """Batches by id, and the error of each that does not exist or cannot be read."""

    batches: dict[str, Batch]
    errors: dict[str, PermanentError]


class BatchLookup:
    """Looks up the same batches again and again, with few requests.

    Up to three are read one by one. Of more, pending ones are found in one list. Those missing from it are read one by
    one if they are few, and otherwise found in a second list without a filter on status. A list is read no further than
    reading its batches one by one would cost.

    Example::

        lookup = BatchLookup(client)
        batches = lookup.find(["b1", "b2"]).batches

    :param now: the present, aware.
    """

    def __init__(self, client: MessageStoreClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._now = now
        self._created: dict[str, datetime] = {}

    def find(self, batch_ids: Collection[str], *, waited_for: Iterable[str] = ()) -> LookupResult:
        """Find the batches as they are now.

        :param waited_for: batches that later calls look up, whose creation times are kept for them.
        :raises HvsmsError: an error that concerns all of them, such as a refused login.
        """
        known = {*batch_ids, *waited_for}
        self._created = {batch_id: created for batch_id, created in self._created.items() if batch_id in known}
        batches: dict[str, Batch] = {}
        errors: dict[str, PermanentError] = {}
        missing = list(batch_ids)
        for statuses in (_PENDING, _ANY):
            if len(missing) > _MAX_SINGLE_READS:
                batches.update(self._list(missing, statuses))
                missing = [batch_id for batch_id in missing if batch_id not in batches]
        for batch_id in missing:
            try:
                batches[batch_id] = self._client.get_batch(batch_id)
            except (LoginRefused, PermissionDenied, InvalidSettings):
                raise
            except PermanentError as error:
                errors[batch_id] = error
        self._created.update({batch.id: batch.creation_time for batch in batches.values()})
        return LookupResult(batches, errors)

    def _list(self, batch_ids: Collection[str], statuses: tuple[BatchStatus, ...]) -> dict[str, Batch]:
        now = self._now()
        created = [self._created.get(batch_id) for batch_id in batch_ids]
        oldest = min(time or now - _DEFAULT_LOOK_BACK for time in created)
        newest = max(time + _AFTER_CREATION if time else now + _CLOCK_SKEW for time in created)
        pages = self._client.batch_pages(
            Window(oldest, newest), BatchFilter(statuses=statuses), on_invalid="quarantine"
        )
        wanted = set(batch_ids)
        found: dict[str, Batch] = {}
        for page in islice(pages, len(wanted)):
            found.update({batch.id: batch for batch in page.records if batch.id in wanted})
            if len(found) == len(wanted):
                break
        return found
