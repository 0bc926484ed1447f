"""The next items are fetched while this one is used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


def read_ahead(sources: Sequence[Iterator[ItemT]]) -> Generator[ItemT]:
    """The items of all sources, in the order in which they come; each source is read in a thread of its own.

    A source goes on to its next item as soon as the one before was taken, so it is never more than one ahead. An error
    of one of them is raised here and ends all. When the generator is closed, no source is asked for more.
    """
    handover: _Handover[ItemT] = _Handover(len(sources))
    for source in sources:
        # A daemon, since it may be waiting for quota when nobody wants the item any more.
        threading.Thread(target=handover.give_all, args=(source,), name="hvsms-read-ahead", daemon=True).start()
    try:
        yield from handover
    finally:
        handover.close()


class _Handover(Generic[ItemT]):
    """Takes items from several threads, and gives them to one."""

    def __init__(self, givers: int) -> None:
        self._changed = threading.Condition()
        self._items: deque[ItemT] = deque()
        self._givers = givers
        self._error: BaseException | None = None
        self._closed = False

    def give_all(self, source: Iterator[ItemT]) -> None:
        """Give the items of a source, one after the other; wait each time until it was taken."""
        try:
            for item in source:
                if not self._give(item):
                    break
        except BaseException as error:  # it is raised again where the items are taken
            self._error = self._error or error
        finally:
            if isinstance(source, Generator):
                source.close()
            with self._changed:
                self._givers -= 1
                self._changed.notify_all()

    def __iter__(self) -> Iterator[ItemT]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._error or not self._givers)
                if self._error:
                    raise self._error
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def _give(self, item: ItemT) -> bool:
        """Return whether more is wanted."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or all(waiting is not item for waiting in self._items))
            return not self._closed
