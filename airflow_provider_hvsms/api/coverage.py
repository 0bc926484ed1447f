"""How far in its window a listing is."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from msgspec.structs import replace

from airflow_provider_hvsms.api.records import DatedRecordT, Page
from airflow_provider_hvsms.api.window import Window

_created = attrgetter("creation_time")


def with_coverage(pages: Iterator[Page[DatedRecordT]], window: Window) -> Iterator[Page[DatedRecordT]]:
    """The same pages, each with the part of the window that it completes.

    Listings are newest first. The parts of all pages together are the window, also where a listing has another order,
    in which only the last page may complete anything.
    """
    left = window.end
    for page in pages:
        oldest = window.start
        if page.next_page_token is not None:
            oldest = min(map(_created, page.records), default=left)
        reached = max(window.start, min(oldest, left))
        yield replace(page, covered=left - reached)
        left = reached
