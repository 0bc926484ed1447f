"""Which completed batches have been announced, in a few bytes for each batch."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from airflow_provider_hvsms.api.batch_lookup import COMPLETED

Summary = Mapping[str, Any]
"""A batch as `as_summary` returns it."""

_HOUR, _MINUTE = 3600, 60

_KEY_LENGTH = 8
"""Characters."""

_MAX_LISTING_DELAY = timedelta(minutes=15)
"""A batch may appear in a list up to this long after its creation."""


class AnnouncedBatches(msgspec.Struct, frozen=True):
    """A watermark, and the batches on either side of it that are exceptions.

    Of the batches created before the watermark, all are announced except those in `pending`; of the later ones, only
    those in `ahead`. The size is thus independent of the number of batches announced long ago. Batches are stored as
    short hashes of their ids, with their creation time. All times are in seconds since the epoch.
    """

    watermark: float
    pending: dict[str, int]
    ahead: dict[str, int]

    @classmethod
    def starting_from(cls, batches: Iterable[Summary], now: datetime) -> AnnouncedBatches:
        """Start at the present: batches that are already completed count as announced."""
        completed = {_key(batch): _created(batch) for batch in batches if batch["status"] == COMPLETED}
        return cls(0.0, {}, completed).advance(batches, now, reach=timedelta.max)

    @classmethod
    def from_json(cls, saved: Any) -> AnnouncedBatches:
        """Read what `to_json` returned, or what an earlier version saved: creation times by batch id."""
        if "until" in saved:
            return cls(saved["until"], _unpack(saved["open"], _HOUR), _unpack(saved["early"], _MINUTE))
        return cls(0.0, {}, {_hash(batch_id): _seconds(created) for batch_id, created in saved.items()})

    def to_json(self) -> Any:
        """About eight bytes for each batch in `pending` and `ahead`."""
        return {"until": self.watermark, "open": _pack(self.pending, _HOUR), "early": _pack(self.ahead, _MINUTE)}

    def is_new(self, batch: Summary) -> bool:
        """Whether a batch is completed and not announced yet."""
        return batch["status"] == COMPLETED and not self._contains(batch)

    def add(self, batch: Summary) -> AnnouncedBatches:
        """A copy in which one more batch is announced."""
        key = _key(batch)
        if _created(batch) >= self.watermark:
            return AnnouncedBatches(self.watermark, self.pending, {**self.ahead, key: _created(batch)})
        pending = {other: created for other, created in self.pending.items() if other != key}
        return AnnouncedBatches(self.watermark, pending, self.ahead)

    def advance(self, batches: Iterable[Summary], now: datetime, *, reach: timedelta) -> AnnouncedBatches:
        """A copy with the watermark at 15 minutes before now.

        :param batches: all batches that a poll returned, completed or not.
        :param reach: batches created longer ago are no longer returned by polls.
        """
        watermark = max(self.watermark, (now - _MAX_LISTING_DELAY).timestamp())
        oldest = 0.0 if reach == timedelta.max else (now - 2 * reach).timestamp()
        passed = {
            _key(batch): _created(batch)
            for batch in batches
            if _created(batch) < watermark and not self._contains(batch)
        }
        return AnnouncedBatches(
            watermark,
            {key: created for key, created in {**self.pending, **passed}.items() if created >= oldest},
            {key: created for key, created in self.ahead.items() if created >= watermark},
        )

    def _contains(self, batch: Summary) -> bool:
        if _created(batch) >= self.watermark:
            return _key(batch) in self.ahead
        return _key(batch) not in self.pending


def _key(batch: Summary) -> str:
    return _hash(str(batch["id"]))


def _hash(batch_id: str) -> str:
    return base64.b64encode(hashlib.sha256(batch_id.encode()).digest()[:6]).decode()


def _pack(created: Mapping[str, int], unit: int) -> dict[str, str]:
    """The keys, concatenated by the hour or minute of their creation."""
    packed: defaultdict[str, str] = defaultdict(str)
    for key, time in created.items():
        packed[str(time // unit)] += key
    return dict(packed)


def _unpack(packed: Mapping[str, str], unit: int) -> dict[str, int]:
    """The keys with the last second of their hour or minute, so that none is dropped too early."""
    return {
        keys[start : start + _KEY_LENGTH]: (int(bucket) + 1) * unit - 1
        for bucket, keys in packed.items()
        for start in range(0, len(keys), _KEY_LENGTH)
    }


def _created(batch: Summary) -> int:
    return _seconds(batch["creation_time"])


def _seconds(creation_time: str) -> int:
    return int(datetime.fromisoformat(creation_time).astimezone(UTC).timestamp())
