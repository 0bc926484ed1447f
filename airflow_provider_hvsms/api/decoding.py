"""Response bodies are decoded into records: pages of a listing, single records, and totals by status."""

from __future__ import annotations

import functools
import json
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

# Invalid text, such as half a surrogate pair or a stray byte, raises errors that are no `ValidationError`.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

# The names of 2020, which the single read may still use (RingCentral: Message Store guide, samples).
_OLDER_NAMES = {"createdAt": "creationTime", "lastUpdatedAt": "lastModifiedTime"}


def decode_page(body: bytes, record_type: type[RecordT]) -> Page[RecordT]:
    """Decode a page of a listing. If a record cannot be read, each is decoded on its own, so that the others are kept.

    :raises msgspec.DecodeError: the body is not a listing.
    """
    try:
        listing = _listing_decoder(record_type).decode(body)
    except _UNREADABLE:
        return _decode_each(body, record_type)
    return Page(listing.records or [], (), _next_page_token(listing.paging))


def decode_record(body: bytes, record_type: type[RecordT]) -> RecordT:
    """Decode a single record, under today's field names or those of 2020.

    :raises InvalidRecord: it does not have the documented shape.
    :raises msgspec.DecodeError: the body is not a JSON object.
    """
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    renamed = {_OLDER_NAMES.get(name, name): value for name, value in fields.items()}
    try:
        return msgspec.json.decode(msgspec.json.encode(renamed), type=record_type)
    except _UNREADABLE as error:
        raise InvalidRecord(_problem(record_type, body, error)) from error


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
        return msgspec.json.decode(raw, type=StatusTotal)
    except msgspec.ValidationError as error:
        raise InvalidRecord(f"The total of status {status} cannot be read: {error}") from error


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


@functools.cache
def _listing_decoder(record_type: Any) -> msgspec.json.Decoder[_Listing[Any]]:
    return msgspec.json.Decoder(_Listing[record_type])


def _decode_each(body: bytes, record_type: type[RecordT]) -> Page[RecordT]:
    listing = _decode_raw_listing(body)
    records: list[RecordT] = []
    rejects: list[Reject] = []
    for raw in listing.records or []:
        try:
            records.append(msgspec.json.decode(raw, type=record_type))
        except _UNREADABLE as error:
            rejects.append(Reject(bytes(raw), _problem(record_type, raw, error)))
    return Page(records, rejects, _next_page_token(listing.paging))


def _decode_raw_listing(body: bytes) -> _RawListing:
    try:
        return msgspec.json.decode(body, type=_RawListing)
    except msgspec.ValidationError:
        raise
    except _UNREADABLE:
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
    except _UNREADABLE:
        record_id = None
    noun = record_type.noun
    name = f"{noun} {record_id}" if isinstance(record_id, str | int) else f"one {noun} without a usable id"
    return f"{name} cannot be read: {error}"
