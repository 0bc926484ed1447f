"""The next items of iterators are fetched in background threads while the current item is used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


def read_ahead(sources: Sequence[Iterator[ItemT]]) -> Generator[ItemT]:
    """The items of all sources in the order in which they arrive; each source is read in a thread of its own.

    A source fetches its next item once the previous one was taken, so it is at most one item ahead. An error in a
    source is raised here and ends the iteration. When the generator is closed, no source is read any further.

    Example::

        with closing(read_ahead([client.message_pages(window)])) as pages:
            for page in pages:
                load(page)  # the next page is being fetched
    """
    exchange: _Exchange[ItemT] = _Exchange(len(sources))
    for source in sources:
        # A daemon: it may be waiting for quota when the item is no longer needed.
        threading.Thread(target=exchange.produce, args=(source,), name="hvsms-read-ahead", daemon=True).start()
    try:
        yield from exchange.consume()
    finally:
        exchange.close()


class _Exchange(Generic[ItemT]):
    """Hands items of several producer threads to one consumer. A producer waits until its item is taken."""

    def __init__(self, producers: int) -> None:
        self._changed = threading.Condition()
        self._items: deque[ItemT] = deque()
        self._producers = producers
        self._error: BaseException | None = None
        self._closed = False

    def produce(self, source: Iterator[ItemT]) -> None:
        try:
            for item in source:
                if not self._put(item):
                    break
        except BaseException as error:  # raised again in the consumer's thread
            self._error = self._error or error
        finally:
            if isinstance(source, Generator):
                source.close()
            with self._changed:
                self._producers -= 1
                self._changed.notify_all()

    def consume(self) -> Iterator[ItemT]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._error or not self._producers)
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

    def _put(self, item: ItemT) -> bool:
        """Return whether more items are wanted."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or all(waiting is not item for waiting in self._items))
            return not self._closed
