"""A window is cut into slices that several threads read at once, by guided self-scheduling.

A thread that has finished a slice takes the next one. Slices are large at first and shrink with what is left of the
window, so that all threads finish at about the same time (Polychronopoulos and Kuck, 1987).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

from airflow_provider_hvsms.api.read_ahead import read_ahead
from airflow_provider_hvsms.api.records import Message, Page
from airflow_provider_hvsms.api.window import Window

log = logging.getLogger(__name__)

ReadWindow = Callable[[Window], Iterator[Page[Message]]]

_MIN_PAGES_PER_WINDOW = 5
"""Shorter windows are read without slices."""

# In pages. The last page of a slice is rarely full, so large slices cost fewer requests, and small ones end together.
_MIN_PAGES_PER_SLICE = 3
_MAX_PAGES_PER_SLICE = 12

_SCHEDULING_FACTOR = 1.5
"""A slice is the rest of the window, divided by this and by the number of readers."""

_MAX_PART_OF_REST = 0.25

_MIN_LENGTH = timedelta(milliseconds=1)

# By how much the estimated length of a page may grow from one slice to the next, as density changes suddenly.
_MAX_GROWTH = 2.0
_MAX_GROWTH_AFTER_EMPTY_PAGE = 8.0


def read_in_slices(
    read: ReadWindow, window: Window, *, per_page: int, count_readers: Callable[[], int]
) -> Iterator[Page[Message]]:
    """Read the first page of a window; then read on, or start again in slices if that is faster.

    :param read: reads the pages of a window.
    :param per_page: records in a full page.
    :param count_readers: how many threads are of use, asked once the first page has come.
    """
    pages = read(window)
    first = next(pages)
    readers = count_readers()
    if readers == 1 or window.length < _MIN_PAGES_PER_WINDOW * _page_length(window, first, per_page):
        yield first
        yield from pages
        return
    log.info("Reading %d slices of the window at once.", readers)
    slices = Slices(window, first, per_page=per_page, readers=readers)
    yield from read_ahead([slices.pages(read) for _ in range(readers)])


class Slices:
    """Slices of a window, cut from its end, by the density of messages that was observed last. Usable by threads.

    Each slice is read to its end, so the order of records and the quality of an estimate only affect the time taken.

    :param first: the first page of the whole window, used for an estimate only.
    :param per_page: records in a full page.
    :param readers: the number of threads that read.
    """

    def __init__(self, window: Window, first: Page[Message], *, per_page: int, readers: int) -> None:
        self._empty_end, self._rest = _split_at_newest(window, first)
        self._started = False
        self._per_page = per_page
        self._page_length = _page_length(window, first, per_page)
        self._readers = readers
        self._lock = threading.Lock()

    def pages(self, read: ReadWindow) -> Iterator[Page[Message]]:
        """The pages of one slice after the other until none is left. All threads together read the whole window."""
        while (slice_ := self._take()) is not None:
            pages = read(slice_)
            first = next(pages)
            if slice_ != self._empty_end:
                self._observe(slice_, first)
            yield first
            yield from pages

    def _take(self) -> Window | None:
        with self._lock:
            if not self._started:
                self._started = True
                if self._empty_end is not None:
                    return self._empty_end
            if (rest := self._rest) is None:
                return None
            length = self._next_length(rest)
            if rest.length - length < max(self._page_length / 2, _MIN_LENGTH):
                self._rest = None
                return rest
            cut = rest.end - length
            self._rest = Window(rest.start, cut)
            return Window(cut, rest.end)

    def _next_length(self, rest: Window) -> timedelta:
        pages = rest.length / self._page_length / (_SCHEDULING_FACTOR * self._readers)
        length = min(max(pages, _MIN_PAGES_PER_SLICE), _MAX_PAGES_PER_SLICE) * self._page_length
        return min(length, max(_MAX_PART_OF_REST * rest.length, self._page_length))

    def _observe(self, slice_: Window, first: Page[Message]) -> None:
        with self._lock:
            growth = _MAX_GROWTH if first.records else _MAX_GROWTH_AFTER_EMPTY_PAGE
            self._page_length = min(_page_length(slice_, first, self._per_page), growth * self._page_length)


def _page_length(window: Window, first: Page[Message], per_page: int) -> timedelta:
    """The time that the records of a full page cover, estimated from the first page; at least a millisecond."""
    if first.next_page_token is None:
        return window.length * per_page / max(1, len(first.records))
    times = [record.creation_time for record in first.records]
    return max(max(times, default=window.end) - min(times, default=window.start), _MIN_LENGTH)


def _split_at_newest(window: Window, first: Page[Message]) -> tuple[Window | None, Window | None]:
    """The part after the newest record of the first page, if there is one, and the rest.

    The window of a batch runs to the present, long after its last message.
    """
    newest = max((record.creation_time for record in first.records), default=window.start) + _MIN_LENGTH
    if window.end - newest < _MIN_LENGTH or newest - window.start < _MIN_LENGTH:
        return None, window
    return Window(newest, window.end), Window(window.start, newest)
