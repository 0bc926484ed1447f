"""A listing is followed from page to page by its tokens, and restarted when a token expires."""

from __future__ import annotations

import itertools
import logging
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec

from airflow_provider_hvsms.api.errors import InvalidRecord, PageTokenExpired, UnexpectedResponse
from airflow_provider_hvsms.api.records import Key, Page, RecordT

log = logging.getLogger(__name__)

FetchPage = Callable[[str | None], Page[RecordT]]
"""Fetches the page that a token names, or the first page for `None`."""

_MAX_RESTARTS = 3

# The ids of a page are much alike, so the fastest level packs them well.
_COMPRESSION_LEVEL = 1


def follow_pages(path: str, fetch: FetchPage[RecordT]) -> Iterator[Page[RecordT]]:
    """All pages of a listing. Whenever a page token expires, the listing is read again from its first page.

    After a restart, records that were delivered before are left out.

    :param path: names the listing in messages.
    :raises PageTokenExpired: a token expired again after three restarts.
    :raises UnexpectedResponse: a page token repeats.
    """
    delivered = _KeyLog()
    known: set[Key] = set()
    for restart in itertools.count(1):
        try:
            for page in _follow_once(path, fetch):
                new = _without(page, known)
                delivered.add(new)
                yield new
        except PageTokenExpired as error:
            if restart > _MAX_RESTARTS:
                raise
            log.warning("%s Reading again from the first page, restart %d of %d.", error, restart, _MAX_RESTARTS)
            known = delivered.keys()
        else:
            return


def fail_on_rejects(pages: Iterator[Page[RecordT]]) -> Iterator[Page[RecordT]]:
    """The same pages.

    :raises InvalidRecord: a record of a page could not be read.
    """
    for page in pages:
        if page.rejects:
            raise InvalidRecord(
                f"{page.rejects[0].reason}. Records of this page that cannot be read: {len(page.rejects)}. "
                "on_invalid='quarantine' sets them aside."
            )
        yield page


def iter_records(pages: Iterator[Page[RecordT]]) -> Iterator[RecordT]:
    """The records of all pages, one by one."""
    for page in pages:
        yield from page.records


def _follow_once(path: str, fetch: FetchPage[RecordT]) -> Iterator[Page[RecordT]]:
    token: str | None = None
    seen: set[str] = set()
    while True:
        page = fetch(token)
        yield page
        token = page.next_page_token
        if token is None:
            return
        if token in seen:
            raise UnexpectedResponse(
                f"{path}: the page token after page {len(seen) + 1} was sent before, so the listing has no end. "
                "Reading stopped; run it again."
            )
        seen.add(token)


def _without(page: Page[RecordT], known: Collection[Key]) -> Page[RecordT]:
    if not known:
        return page
    records = [record for record in page.records if record.key not in known]
    rejects = [reject for reject in page.rejects if reject.key not in known]
    return Page(records, rejects, page.next_page_token, page.unknown_fields)


class _KeyLog:
    """The keys of all records and rejects delivered so far, compressed to about four bytes each."""

    def __init__(self) -> None:
        self._pages: list[bytes] = []

    def add(self, page: Page[Any]) -> None:
        keys = [item.key for item in (*page.records, *page.rejects)]
        self._pages.append(zlib.compress(msgspec.json.encode(keys), _COMPRESSION_LEVEL))

    def keys(self) -> set[Key]:
        return {key for page in self._pages for key in msgspec.json.decode(zlib.decompress(page), type=list[Key])}
