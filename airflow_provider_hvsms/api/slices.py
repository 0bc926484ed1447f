"""A window is cut into spans that are read at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

from airflow_provider_hvsms.api.records import Message, Page
from airflow_provider_hvsms.api.window import Window

# The last page of a span is rarely full, so long spans cost fewer requests; short ones end together.
_MIN_PAGES = 3
_MAX_PAGES = 12
_MORE_THAN_ALL_READERS_TAKE = 1.5
_MAX_OF_WHAT_IS_LEFT = 0.25

_SHORTEST = timedelta(milliseconds=1)

_FASTEST_GROWTH = 2.0
"""How much longer a page of the next span may be: after a quiet night comes a campaign."""

_FASTEST_GROWTH_WHEN_EMPTY = 8.0


class Slices:
    """What is left of a window, cut off span by span from its end, by the latest that was seen of how dense it is.

    Several threads may read from it. Every span is read to its end, so that neither the order of records nor the
    quality of a guess matters for more than how long it takes.

    :param first: the first page of the whole window, which only serves as a guess here.
    :param per_page: records that a full page has.
    :param readers: how many threads read.
    """

    def __init__(self, window: Window, first: Page[Message], *, per_page: int, readers: int) -> None:
        self._quiet, self._left = _split_at_newest(window, first)
        self._has_begun = False
        self._per_page = per_page
        self._page_length = page_length(window, first, per_page)
        self._readers = readers
        self._cutting = threading.Lock()

    def pages(self, read: Callable[[Window], Iterator[Page[Message]]]) -> Iterator[Page[Message]]:
        """The pages of one span after the other, until none is left; what all threads read so is all there is."""
        while (span := self._take()) is not None:
            pages = read(span)
            first = next(pages)
            if span != self._quiet:
                self._learn(span, first)
            yield first
            yield from pages

    def _take(self) -> Window | None:
        with self._cutting:
            if not self._has_begun:
                self._has_begun = True
                if self._quiet is not None:
                    return self._quiet
            if (window := self._left) is None:
                return None
            length = self._planned_length(window)
            if window.length - length < max(self._page_length / 2, _SHORTEST):
                self._left = None
                return window
            middle = window.end - length
            self._left = Window(window.start, middle)
            return Window(middle, window.end)

    def _planned_length(self, window: Window) -> timedelta:
        pages = window.length / self._page_length / (_MORE_THAN_ALL_READERS_TAKE * self._readers)
        planned = min(max(pages, _MIN_PAGES), _MAX_PAGES) * self._page_length
        return min(planned, max(_MAX_OF_WHAT_IS_LEFT * window.length, self._page_length))

    def _learn(self, span: Window, first: Page[Message]) -> None:
        with self._cutting:
            growth = _FASTEST_GROWTH if first.records else _FASTEST_GROWTH_WHEN_EMPTY
            self._page_length = min(page_length(span, first, self._per_page), growth * self._page_length)


def page_length(window: Window, first: Page[Message], per_page: int) -> timedelta:
    """The time that a full page's records take up in a window, guessed from its first page; at least a millisecond."""
    if first.next_page_token is None:
        return window.length * per_page / max(1, len(first.records))
    times = [record.creation_time for record in first.records]
    return max(max(times, default=window.end) - min(times, default=window.start), _SHORTEST)


def _split_at_newest(window: Window, first: Page[Message]) -> tuple[Window | None, Window | None]:
    """What is newer than the first page's records, perhaps nothing, and the rest: a batch ends long before now."""
    newest = max((record.creation_time for record in first.records), default=window.start) + _SHORTEST
    if window.end - newest < _SHORTEST or newest - window.start < _SHORTEST:
        return None, window
    return Window(newest, window.end), Window(window.start, newest)
