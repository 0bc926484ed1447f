"""A queue that keeps only the latest item, for consumers that are slower than what they consume."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class LatestQueue(Generic[ItemT]):
    """Passes items from any thread to the event loop in which it is created; an item not taken yet is replaced.

    Example::

        queue = LatestQueue()
        threading.Thread(target=lambda: queue.put(read())).start()
        async for item in queue:
            ...
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._outcomes: asyncio.Queue[Future[ItemT]] = asyncio.Queue(maxsize=1)

    def put(self, item: ItemT) -> None:
        outcome: Future[ItemT] = Future()
        outcome.set_result(item)
        self._schedule(outcome)

    def end(self, error: Exception | None = None) -> None:
        """End the iteration, with an error if there is one."""
        outcome: Future[ItemT] = Future()
        outcome.set_exception(error or StopAsyncIteration())
        self._schedule(outcome)

    def __aiter__(self) -> AsyncIterator[ItemT]:
        return self

    async def __anext__(self) -> ItemT:
        return (await self._outcomes.get()).result()

    def _schedule(self, outcome: Future[ItemT]) -> None:
        # A closed event loop has no consumer.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._replace, outcome)

    def _replace(self, outcome: Future[ItemT]) -> None:
        if self._outcomes.full():
            self._outcomes.get_nowait()
        self._outcomes.put_nowait(outcome)


async def latest_of(source: AsyncIterator[ItemT]) -> AsyncIterator[ItemT]:
    """The items of a source that is read continuously; of those not consumed yet, only the latest."""
    queue: LatestQueue[ItemT] = LatestQueue()
    reading = asyncio.create_task(_read(source, queue))
    try:
        async for item in queue:
            yield item
    finally:
        reading.cancel()


async def _read(source: AsyncIterator[ItemT], queue: LatestQueue[ItemT]) -> None:
    try:
        async for item in source:
            queue.put(item)
    except Exception as error:
        queue.end(error)
    else:
        queue.end()
