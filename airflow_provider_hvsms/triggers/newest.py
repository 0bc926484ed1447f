"""Of what comes faster than it is used, only the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Slot(Generic[ItemT]):
    """Holds one item, which a newer one replaces. For one event loop."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[ItemT] = asyncio.Queue(maxsize=1)

    def put(self, item: ItemT) -> None:
        """Put an item in place of the one before."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(item)

    async def take(self) -> ItemT:
        """Wait for an item, and take it out."""
        return await self._queue.get()


async def newest_of(source: AsyncIterator[ItemT]) -> AsyncIterator[ItemT]:
    """The items of a source that is read all the time: of several that came meanwhile, only the newest."""
    slot: Slot[ItemT | _End] = Slot()
    reading = asyncio.create_task(_read_into(slot, source))
    try:
        while not isinstance(item := await slot.take(), _End):
            yield item
        if item.error:
            raise item.error
    finally:
        reading.cancel()


class _End:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


async def _read_into(slot: Slot[ItemT | _End], source: AsyncIterator[ItemT]) -> None:
    try:
        async for item in source:
            slot.put(item)
    except Exception as error:
        slot.put(_End(error))
    else:
        slot.put(_End())
