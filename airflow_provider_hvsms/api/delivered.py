"""Which records of a listing were delivered already, for when it has to be read again from its first page."""

from __future__ import annotations

import zlib
from typing import Any, TypeVar

import msgspec

from airflow_provider_hvsms.api.records import OptOut, Page, Reject

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

_FASTEST = 1
"""The level of compression: ids of one page are much alike."""


class Delivered:
    """The ids of all pages that a reader was given, packed to some four bytes each."""

    def __init__(self) -> None:
        self._pages: list[bytes] = []

    def add(self, page: Page[Any]) -> None:
        """Note a page that the reader is given."""
        self._pages.append(zlib.compress(msgspec.json.encode(_keys(page)), _FASTEST))

    def rest(self) -> Rest:
        """What is left of the listing, from here on."""
        packed = (msgspec.json.decode(zlib.decompress(page)) for page in self._pages)
        return Rest({_hashable(key) for keys in packed for key in keys})


class Rest:
    """Takes off pages what was delivered before; a record that comes twice in what is read now stays."""

    def __init__(self, known: set[Any]) -> None:
        self._known = known

    def of(self, page: Page[RecordT]) -> Page[RecordT]:
        """The page without the records, and the rejects, that were delivered before."""
        records = [record for record in page.records if _key(record) not in self._known]
        rejects = [reject for reject in page.rejects if _key(reject) not in self._known]
        return Page(records, rejects, page.next_page_token)


def _keys(page: Page[Any]) -> list[Any]:
    return [*map(_key, page.records), *map(_key, page.rejects)]


def _key(record: Any) -> Any:
    match record:
        case OptOut():
            return (record.from_number, record.to)
        case Reject():
            return (record.record.decode("utf-8", "replace"),)
    return record.id


def _hashable(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key
