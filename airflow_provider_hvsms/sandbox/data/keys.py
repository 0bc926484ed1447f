"""Keys: a record's place in its list, which is ordered by creation and then by number."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Key = tuple[int, int]
"""Creation timestamp and number."""

Row = TypeVar("Row")


def positions_between(rows: Sequence[Row], start: Key, end: Key, key: Callable[[Row], Key]) -> range:
    """Return the positions of the ``rows``, which are sorted, with keys in ``[start, end)``."""
    first = bisect_left(rows, start, key=key)
    return range(first, bisect_left(rows, end, lo=first, key=key))


class SortedKeys:
    """The keys of a short list, oldest first."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys

    def ascending(self, start: Key, end: Key) -> Iterator[Key]:
        """Yield the keys in ``[start, end)``, oldest first."""
        return map(self._keys.__getitem__, self._between(start, end))

    def descending(self, start: Key, end: Key) -> Iterator[Key]:
        """Yield the keys in ``[start, end)``, newest first."""
        return map(self._keys.__getitem__, reversed(self._between(start, end)))

    def _between(self, start: Key, end: Key) -> range:
        return positions_between(self._keys, start, end, key=_itself)


def _itself(key: Key) -> Key:
    return key
