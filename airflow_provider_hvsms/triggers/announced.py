"""Which completed batches were announced, in few bytes."""

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

_HOUR, _MINUTE = 3600, 60
_HASH = 8
"""Characters of a hash."""

_SETTLING = timedelta(minutes=15)
"""How late after its creation a batch may appear in a list for the first time."""


class Announced(msgspec.Struct, frozen=True):
    """A moment, and the batches around it that are an exception. Batches stand as hashes, with their creation.

    Of the batches created before the moment all are announced, but those that are open; of the later ones none, but
    those that are early. So what is noted does not grow with the batches that were announced long ago.

    :param until: seconds since the epoch, as is all time here.
    """

    until: float
    open: dict[str, int]
    early: dict[str, int]

    @classmethod
    def at_first_look(cls, batches: Iterable[Summary], now: datetime) -> Announced:
        """Begin from now: what is completed already counts as announced."""
        completed = {_key(batch): _created(batch) for batch in batches if batch["status"] == COMPLETED}
        return cls(0.0, {}, completed).moved_on(batches, now, reach=timedelta.max)

    @classmethod
    def from_json(cls, noted: Any) -> Announced:
        """Read what `as_json` wrote, or an earlier version: a mapping of ids to creation."""
        if "until" in noted:
            return cls(noted["until"], _unpacked(noted["open"], _HOUR), _unpacked(noted["early"], _MINUTE))
        return cls(0.0, {}, {_hash(batch_id): _seconds(created) for batch_id, created in noted.items()})

    def as_json(self) -> Any:
        """Some eight bytes for each batch that stands in it."""
        return {"until": self.until, "open": _packed(self.open, _HOUR), "early": _packed(self.early, _MINUTE)}

    def is_new(self, batch: Summary) -> bool:
        """Whether a batch is completed and was not announced yet."""
        return batch["status"] == COMPLETED and not self._has(batch)

    def with_one(self, batch: Summary) -> Announced:
        """The same after one more was announced."""
        key = _key(batch)
        if _created(batch) >= self.until:
            return Announced(self.until, self.open, {**self.early, key: _created(batch)})
        return Announced(self.until, {other: at for other, at in self.open.items() if other != key}, self.early)

    def moved_on(self, batches: Iterable[Summary], now: datetime, *, reach: timedelta) -> Announced:
        """The same with the moment moved on to a quarter of an hour before now.

        :param batches: all that were seen in a look, completed or not.
        :param reach: what was created longer ago is never seen again.
        """
        until = max(self.until, (now - _SETTLING).timestamp())
        oldest = 0.0 if reach == timedelta.max else (now - 2 * reach).timestamp()
        left = {_key(batch): _created(batch) for batch in batches if _created(batch) < until and not self._has(batch)}
        return Announced(
            until,
            {key: created for key, created in {**self.open, **left}.items() if created >= oldest},
            {key: created for key, created in self.early.items() if created >= until},
        )

    def _has(self, batch: Summary) -> bool:
        return _key(batch) in self.early if _created(batch) >= self.until else _key(batch) not in self.open


def _key(batch: Summary) -> str:
    return _hash(str(batch["id"]))


def _hash(batch_id: str) -> str:
    return base64.b64encode(hashlib.sha256(batch_id.encode()).digest()[:6]).decode()


def _packed(created: Mapping[str, int], unit: int) -> dict[str, str]:
    """The hashes, one after the other, by the hour or minute of their creation."""
    packed: defaultdict[str, str] = defaultdict(str)
    for key, moment in created.items():
        packed[str(moment // unit)] += key
    return dict(packed)


def _unpacked(packed: Mapping[str, str], unit: int) -> dict[str, int]:
    """The hashes with the last second in which each may have been created, so that none is forgotten too early."""
    return {
        keys[start : start + _HASH]: (int(bucket) + 1) * unit - 1
        for bucket, keys in packed.items()
        for start in range(0, len(keys), _HASH)
    }


def _created(batch: Summary) -> int:
    return _seconds(batch["creation_time"])


def _seconds(creation_time: str) -> int:
    return int(datetime.fromisoformat(creation_time).astimezone(UTC).timestamp())
