"""The store's records as typed values, decoded straight from a page's bytes.

Money is `Decimal`, times are aware datetimes in UTC, ids are strings. Fields that are not listed here and statuses
that nobody has seen yet pass through; a field of the wrong type is an `InvalidRecord` that names record and field.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Generic, NoReturn, TypeVar

import msgspec
from msgspec.structs import force_setattr

from airflow_provider_hvsms.api.errors import InvalidRecord

AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]

if TYPE_CHECKING:
    RecordId = str
else:
    # A number in the list's schema and a string in the single read's: decoded as either, kept as a string.
    RecordId = str | int

# The single read has been seen with the names that it had in 2020 (RingCentral: Message Store guide, samples).
_OLDER_NAMES = {"createdAt": "creationTime", "lastUpdatedAt": "lastModifiedTime"}


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message (RingCentral: MessageListMessageResponse and MessageDetailsResponse).

    Only `id` and `creation_time` are sure to be there; the rest is `None` (`to`: empty) where the service left it
    out. `text` comes with the `Detailed` view and the single read.
    """

    id: RecordId
    creation_time: AwareDatetime
    last_modified_time: AwareDatetime | None = None
    from_number: str | None = msgspec.field(default=None, name="from")
    to: tuple[str, ...] = ()
    direction: str | None = None
    message_status: str | None = None
    error_code: str | None = None
    segment_count: int | None = None
    cost: Decimal | None = None
    batch_id: str | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        _keep_as_text(self, self.id)
        _normalise_time(self, "creation_time", self.creation_time)
        _normalise_time(self, "last_modified_time", self.last_modified_time)
        _require_finite(self.cost)


def _keep_as_text(record: msgspec.Struct, record_id: str | int) -> None:
    if record_id == "":
        raise ValueError("`id` is empty")
    if isinstance(record_id, int):
        force_setattr(record, "id", str(record_id))


def _normalise_time(record: msgspec.Struct, field: str, moment: datetime | None) -> None:
    if moment is None or moment.tzinfo is timezone.utc:
        return
    try:
        force_setattr(record, field, moment.astimezone(timezone.utc))
    except OverflowError:
        raise ValueError(f"`{field}` lies outside the years 1 to 9999 in UTC") from None


def _require_finite(cost: Decimal | None) -> None:
    if cost is not None and not cost.is_finite():
        raise ValueError("`cost` is not a finite number")


RecordT = TypeVar("RecordT", bound=msgspec.Struct)


class Page(msgspec.Struct, Generic[RecordT], frozen=True):
    """One page of a listing: its records, and the token of the next one (`None` on the last)."""

    records: Sequence[RecordT]
    next_page_token: str | None


def decode_page(body: bytes, record_type: type[RecordT]) -> Page[RecordT]:
    """Read one page of a listing.

    :raises InvalidRecord: a record does not have the documented shape.
    :raises msgspec.DecodeError: the body is not a listing at all.
    """
    try:
        listing = _listing_decoder(record_type).decode(body)
    except msgspec.ValidationError:
        _raise_for_first_invalid(body, record_type)
    paging = listing.paging or _Paging()
    return Page(listing.records, paging.next_page_token or None)


def decode_record(body: bytes, record_type: type[RecordT]) -> RecordT:
    """Read one record, under today's field names or those of 2020.

    :raises InvalidRecord: it does not have the documented shape.
    :raises msgspec.DecodeError: the body is not a JSON object.
    """
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    renamed = {_OLDER_NAMES.get(name, name): value for name, value in fields.items()}
    try:
        return msgspec.json.decode(msgspec.json.encode(renamed), type=record_type)
    except msgspec.ValidationError as error:
        raise InvalidRecord(_describe(record_type, body, error)) from error


class _Paging(msgspec.Struct, rename="camel"):
    next_page_token: str | None = None


class _Listing(msgspec.Struct, Generic[RecordT]):
    records: list[RecordT]
    paging: _Paging | None = None


class _RawListing(msgspec.Struct):
    records: list[msgspec.Raw]


class _Identified(msgspec.Struct):
    id: Any = None


@functools.cache
def _listing_decoder(record_type: Any) -> msgspec.json.Decoder[_Listing[Any]]:
    return msgspec.json.Decoder(_Listing[record_type])


def _raise_for_first_invalid(body: bytes, record_type: type[Any]) -> NoReturn:
    for raw in msgspec.json.decode(body, type=_RawListing).records:
        try:
            msgspec.json.decode(raw, type=record_type)
        except msgspec.ValidationError as error:
            raise InvalidRecord(_describe(record_type, raw, error)) from error
    raise msgspec.DecodeError("`paging` does not have the documented shape")


def _describe(record_type: type[Any], raw: msgspec.Raw | bytes, error: msgspec.ValidationError) -> str:
    kind = record_type.__name__.lower()
    try:
        record_id = msgspec.json.decode(raw, type=_Identified).id
    except msgspec.ValidationError:
        record_id = None
    name = f"{kind} {record_id}" if isinstance(record_id, str | int) else f"a {kind} without a usable id"
    return f"{name} cannot be read: {error}"
