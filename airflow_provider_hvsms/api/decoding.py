"""Response bodies are decoded into records: pages of a listing, single records, and totals by status."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Generic

import msgspec

from airflow_provider_hvsms.api.errors import InvalidRecord
from airflow_provider_hvsms.api.records import (
    STATUS_FIELDS,
    Page,
    Record,
    RecordT,
    Reject,
    StatusTotal,
    StatusTotals,
)
from airflow_provider_hvsms.api.redaction import is_id
from airflow_provider_hvsms.api.sending import OptOutAssignment
from airflow_provider_hvsms.api.unknown_fields import UNREADABLE, declarable, keep_unknown, names_of, strict_type

# The names of 2020, which the single read may still use (RingCentral: Message Store guide, samples).
_OLDER_NAMES = {"createdAt": "creationTime", "lastUpdatedAt": "lastModifiedTime"}

DecodePage = Callable[[bytes], Page[RecordT]]

_MAX_DECLARED = 100
"""Fields of a listing that are decoded fast. A record with others is decoded on its own."""


def decode_page(body: bytes, record_type: type[RecordT]) -> Page[RecordT]:
    """Decode a page of a listing. If a record cannot be read, each is decoded on its own, so that the others are kept.

    :raises msgspec.DecodeError: the body is not a listing.
    """
    try:
        listing = _listing_decoder(record_type).decode(body)
    except UNREADABLE:
        return _decode_each(body, record_type, _record_decoder(record_type).decode)
    return Page(listing.records or [], (), _next_page_token(listing.paging))


def page_decoder(record_type: type[RecordT], *, find_unknown: bool) -> DecodePage[RecordT]:
    """What decodes the pages of one listing.

    :param find_unknown: also find fields that this version does not know.
    """
    return PageDecoder(record_type).decode if find_unknown else functools.partial(decode_page, record_type=record_type)


class PageDecoder(Generic[RecordT]):
    """Decodes the pages of a listing as `decode_page`, and finds fields that this version does not know.

    A page without such fields takes no longer. The first one with a field takes some times as long; after that the
    field is declared, and further pages with it are decoded at once. Usable by threads.
    """

    def __init__(self, record_type: type[RecordT]) -> None:
        self._record_type = record_type
        self._declared: tuple[str, ...] = ()

    def decode(self, body: bytes) -> Page[RecordT]:
        """Decode a page; `unknown_fields` holds the names of this page and of earlier ones.

        :raises msgspec.DecodeError: the body is not a listing.
        """
        try:
            listing = _listing_decoder(self._strict_type).decode(body)
        except UNREADABLE:
            return self._decode_each(body)
        return Page(listing.records or [], (), _next_page_token(listing.paging), frozenset(self._declared))

    @property
    def _strict_type(self) -> Any:
        return strict_type(self._record_type, self._declared)

    def _decode_each(self, body: bytes) -> Page[RecordT]:
        names: set[str] = set()
        page = _decode_each(body, self._record_type, lambda raw: self._decode_one(raw, names))
        return msgspec.structs.replace(page, unknown_fields=frozenset(names.union(self._declared)))

    def _decode_one(self, raw: msgspec.Raw, names: set[str]) -> RecordT:
        with suppress(*UNREADABLE):
            strict: RecordT = _record_decoder(self._strict_type).decode(raw)
            return strict
        record: RecordT = _record_decoder(self._record_type).decode(raw)
        keep_unknown(record, raw)
        names.update(names_of(record.unknown))
        self._declare(record.unknown)
        return record

    def _declare(self, unknown: Mapping[str, Any]) -> None:
        names = {*self._declared, *declarable(unknown)}
        if len(names) <= _MAX_DECLARED:
            self._declared = tuple(sorted(names))


def decode_record(body: bytes, record_type: type[RecordT]) -> RecordT:
    """Decode a single record, under today's field names or those of 2020.

    :raises InvalidRecord: it does not have the documented shape.
    :raises msgspec.DecodeError: the body is not a JSON object.
    """
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    renamed = {_OLDER_NAMES.get(name, name): value for name, value in fields.items()}
    try:
        return msgspec.json.decode(msgspec.json.encode(renamed), type=record_type)
    except UNREADABLE as error:
        raise InvalidRecord(_problem(record_type, body, error)) from error


def decode_assignment(body: bytes) -> OptOutAssignment:
    """Decode the answer to an assignment of opt-outs.

    :raises msgspec.DecodeError: it does not have the documented shape.
    """
    return msgspec.json.decode(body, type=OptOutAssignment)


def decode_statuses(body: bytes) -> StatusTotals:
    """Decode totals by status, in today's shape or the older one (`messageStatuses`, capitalised names, no cost).

    Members that are not totals, such as numbers or null, are ignored.

    :raises InvalidRecord: a total does not have the documented shape.
    :raises msgspec.DecodeError: the body is not a JSON object, or holds no documented status.
    """
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    nested = members.pop("messageStatuses", None)
    if nested is not None and bytes(nested) != b"null":
        members = msgspec.json.decode(nested, type=dict[str, msgspec.Raw])
    by_status = {_capitalised(name): raw for name, raw in members.items()}
    totals = {status: _decode_total(status, raw) for status, raw in by_status.items() if _is_total(status, raw)}
    if by_status and STATUS_FIELDS.keys().isdisjoint(by_status):
        raise msgspec.DecodeError("it holds none of the documented statuses")
    documented = {STATUS_FIELDS[status]: totals.pop(status) for status in STATUS_FIELDS.keys() & totals.keys()}
    return StatusTotals(**documented, others=totals)


def _capitalised(name: str) -> str:
    return name[:1].upper() + name[1:]


def _is_total(status: str, raw: msgspec.Raw) -> bool:
    value = bytes(raw)
    return value.startswith(b"{") or (status in STATUS_FIELDS and value != b"null")


def _decode_total(status: str, raw: msgspec.Raw) -> StatusTotal:
    try:
        total = msgspec.json.decode(raw, type=StatusTotal)
    except msgspec.ValidationError as error:
        raise InvalidRecord(f"The total of status {status} cannot be read: {error}") from error
    keep_unknown(total, raw)
    return total


class _Paging(msgspec.Struct, rename="camel"):
    next_page_token: str | None = None


class _Listing(msgspec.Struct, Generic[RecordT]):
    records: list[RecordT] | None  # null is sent for an empty list
    paging: _Paging | None = None


class _RawListing(msgspec.Struct):
    records: list[msgspec.Raw] | None
    paging: _Paging | None = None


class _Identified(msgspec.Struct):
    id: Any = None


@functools.lru_cache(maxsize=32)
def _listing_decoder(record_type: Any) -> msgspec.json.Decoder[_Listing[Any]]:
    return msgspec.json.Decoder(_Listing[record_type])


@functools.lru_cache(maxsize=32)
def _record_decoder(record_type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(record_type)


def _decode_each(body: bytes, record_type: type[RecordT], decode: Callable[[msgspec.Raw], RecordT]) -> Page[RecordT]:
    listing = _decode_raw_listing(body)
    records: list[RecordT] = []
    rejects: list[Reject] = []
    for raw in listing.records or []:
        try:
            records.append(decode(raw))
        except UNREADABLE as error:
            rejects.append(Reject(bytes(raw), _problem(record_type, raw, error)))
    return Page(records, rejects, _next_page_token(listing.paging))


def _decode_raw_listing(body: bytes) -> _RawListing:
    try:
        return msgspec.json.decode(body, type=_RawListing)
    except msgspec.ValidationError:
        raise
    except UNREADABLE:
        return _decode_invalid_text(body)


def _decode_invalid_text(body: bytes) -> _RawListing:
    """Decode with the standard library, which accepts half a surrogate pair; what is not JSON fails here too."""
    try:
        listing = json.loads(body.decode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from error
    if not isinstance(listing, dict) or not isinstance(listing.get("records", 0), list | None):
        raise msgspec.DecodeError("it is not a listing")
    return _RawListing(
        [msgspec.Raw(json.dumps(record).encode()) for record in listing["records"] or []],
        msgspec.convert(listing.get("paging"), _Paging | None),
    )


def _next_page_token(paging: _Paging | None) -> str | None:
    return paging.next_page_token or None if paging else None


def _problem(record_type: type[Record], raw: msgspec.Raw | bytes, error: Exception) -> str:
    try:
        record_id = msgspec.json.decode(raw, type=_Identified).id
    except UNREADABLE:
        record_id = None
    noun = record_type.noun
    name = (
        f"{noun} {record_id}"
        if isinstance(record_id, str | int) and is_id(str(record_id))
        else f"one {noun} without a usable id"
    )
    return f"{name} cannot be read: {error}"
