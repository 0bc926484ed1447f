"""The store's records as typed values, decoded straight from a page's bytes.

Money is `Decimal`, times are aware datetimes in UTC, ids are strings. Fields that are not listed here and statuses
that nobody has seen yet pass through; a field of the wrong type is an `InvalidRecord` that names record and field.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
from msgspec.structs import force_setattr

from airflow_provider_hvsms.api.errors import InvalidRecord

AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]

# What no database can hold must show here, where the record can be named and quarantined.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# From here on six decimal places round it up to thirteen digits before them.
_MAX_COST = Decimal("999999999999.9999995")

ItemT = TypeVar("ItemT")

if TYPE_CHECKING:
    RecordId = str
    Several = tuple[ItemT, ...]
    Count = int
    CountsByCode = dict[str, int]
else:
    # A number in the list's schema and a string in the single read's: decoded as either, kept as a string.
    RecordId = str | int
    # `null` stands for an empty list now and then: decoded as either, kept as a tuple.
    Several = tuple[ItemT, ...] | None
    Count = Int64 | None
    CountsByCode = dict[str, int] | None

# Broken text, such as half an emoji, is not a `ValidationError`; nor is JSON that is cut off.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

# The single read has been seen with the names that it had in 2020 (RingCentral: Message Store guide, samples).
_OLDER_NAMES = {"createdAt": "creationTime", "lastUpdatedAt": "lastModifiedTime"}


def _keep_as_text(record: msgspec.Struct, record_id: str | int) -> None:
    if record_id == "":
        raise ValueError("`id` is empty")
    if isinstance(record_id, int):
        force_setattr(record, "id", str(record_id))


def _null_is_empty(record: msgspec.Struct, field: str) -> None:
    if getattr(record, field) is None:
        force_setattr(record, field, ())


def _normalise_time(record: msgspec.Struct, field: str, moment: datetime | None) -> None:
    if moment is None or moment.tzinfo is UTC:
        return
    try:
        force_setattr(record, field, moment.astimezone(UTC))
    except OverflowError:
        raise ValueError(f"`{field}` lies outside the years 1 to 9999 in UTC") from None


def _check_cost(cost: Decimal | None) -> None:
    if cost is None:
        return
    if not cost.is_finite():
        raise ValueError("`cost` is not a finite number")
    if abs(cost) >= _MAX_COST:
        raise ValueError("`cost` has more than twelve digits before its decimal places")


RecordT = TypeVar("RecordT", bound=msgspec.Struct)


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message (RingCentral: MessageListMessageResponse and MessageDetailsResponse).

    Only `id` and `creation_time` are sure to be there; the rest is `None` (`to`: empty) where the service left it
    out. `text` comes with the `Detailed` view and the single read.
    """

    id: RecordId
    creation_time: AwareDatetime
    last_modified_time: AwareDatetime | None = None
    from_number: str | None = msgspec.field(default=None, name="from")
    to: Several[str] = ()
    direction: str | None = None
    message_status: str | None = None
    error_code: str | None = None
    segment_count: Int64 | None = None
    cost: Decimal | None = None
    batch_id: str | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        _keep_as_text(self, self.id)
        _null_is_empty(self, "to")
        _normalise_time(self, "creation_time", self.creation_time)
        _normalise_time(self, "last_modified_time", self.last_modified_time)
        _check_cost(self.cost)


class RejectedRecipient(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A recipient that a batch was refused for (RingCentral: RejectedRecipientResponseResource)."""

    index: int | None = None
    to: Several[str] = ()
    error_code: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        _null_is_empty(self, "to")


class Batch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One batch (RingCentral: MessageBatchResponse).

    Only `id` and `creation_time` are sure to be there. `status` is `Processing` or `Completed`, or what the service
    adds; `cost` comes when it is completed.
    """

    id: RecordId
    creation_time: AwareDatetime
    last_modified_time: AwareDatetime | None = None
    from_number: str | None = msgspec.field(default=None, name="from")
    batch_size: Int64 | None = None
    processed_count: Int64 | None = None
    status: str | None = None
    rejected: Several[RejectedRecipient] = ()
    cost: Decimal | None = None

    def __post_init__(self) -> None:
        _keep_as_text(self, self.id)
        _null_is_empty(self, "rejected")
        _normalise_time(self, "creation_time", self.creation_time)
        _normalise_time(self, "last_modified_time", self.last_modified_time)
        _check_cost(self.cost)


class OptOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether one recipient wants messages from one sender (RingCentral: OptOutResponse)."""

    from_number: str = msgspec.field(name="from")
    to: str
    status: str | None = None
    source: str | None = None


class StatusTotal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many messages have one status.

    :param cost: of all of them together; `None` in the older answer, which has none.
    :param error_code_counts: how many failed with each code.
    """

    count: Count = 0
    cost: Decimal | None = None
    error_code_counts: CountsByCode = {}

    def __post_init__(self) -> None:
        if self.count is None:
            force_setattr(self, "count", 0)
        if self.error_code_counts is None:
            force_setattr(self, "error_code_counts", {})
        _check_cost(self.cost)


class StatusTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The messages of a window or batch by status (RingCentral: MessageStatusesResponse).

    :param others: statuses that nobody has seen yet, under the names that the service gave them.
    """

    queued: StatusTotal = StatusTotal()
    sent: StatusTotal = StatusTotal()
    delivered: StatusTotal = StatusTotal()
    delivery_failed: StatusTotal = StatusTotal()
    sending_failed: StatusTotal = StatusTotal()
    others: dict[str, StatusTotal] = {}

    def by_status(self) -> dict[str, StatusTotal]:
        """The totals under the names that a message's `message_status` has."""
        known = {status: getattr(self, name) for status, name in _STATUS_FIELDS.items()}
        return {**known, **self.others}

    @property
    def total(self) -> int:
        """Messages in all statuses together."""
        return sum(total.count for total in self.by_status().values())

    @property
    def delivered_ratio(self) -> float:
        """Delivered of all, 0 to 1; 0 if there is no message."""
        return self.delivered.count / self.total if self.total else 0.0

    @property
    def failed_ratio(self) -> float:
        """Failed in sending or delivery of all, 0 to 1; 0 if there is no message."""
        failed = self.delivery_failed.count + self.sending_failed.count
        return failed / self.total if self.total else 0.0


_STATUS_FIELDS = {
    "Queued": "queued",
    "Sent": "sent",
    "Delivered": "delivered",
    "DeliveryFailed": "delivery_failed",
    "SendingFailed": "sending_failed",
}


class Reject(msgspec.Struct, frozen=True):
    """A record that does not have the documented shape.

    :param record: its JSON, word for word.
    :param reason: names it and the field, without the field's value.
    """

    record: bytes
    reason: str


class Page(msgspec.Struct, Generic[RecordT], frozen=True):
    """One page of a listing: its records, what could not be read, and the next page's token (`None` on the last)."""

    records: Sequence[RecordT]
    rejects: Sequence[Reject] = ()
    next_page_token: str | None = None


def decode_page(body: bytes, record_type: type[RecordT]) -> Page[RecordT]:
    """Read one page of a listing. A record that cannot be read costs the page its speed, not the other records.

    :raises msgspec.DecodeError: the body is not a listing at all.
    """
    try:
        listing = _listing_decoder(record_type).decode(body)
    except _UNREADABLE:
        return _decode_one_by_one(body, record_type)
    return Page(listing.records or [], (), _next_page_token(listing.paging))


def decode_record(body: bytes, record_type: type[RecordT]) -> RecordT:
    """Read one record, under today's field names or those of 2020.

    :raises InvalidRecord: it does not have the documented shape.
    :raises msgspec.DecodeError: the body is not a JSON object.
    """
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    renamed = {_OLDER_NAMES.get(name, name): value for name, value in fields.items()}
    try:
        return msgspec.json.decode(msgspec.json.encode(renamed), type=record_type)
    except _UNREADABLE as error:
        raise InvalidRecord(_describe(record_type, body, error)) from error


def decode_statuses(body: bytes) -> StatusTotals:
    """Read the totals, in today's shape or the older one (`messageStatuses`, capitals, no cost).

    What stands beside them and is no total, such as a number or null, is passed over.

    :raises InvalidRecord: a total does not have the documented shape.
    :raises msgspec.DecodeError: the body is not a JSON object, or none with statuses.
    """
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    nested = fields.pop("messageStatuses", None)
    if nested is not None and bytes(nested) != b"null":
        fields = msgspec.json.decode(nested, type=dict[str, msgspec.Raw])
    totals = {_capitalised(name): _decode_total(name, raw) for name, raw in fields.items() if _is_total(name, raw)}
    known = {_STATUS_FIELDS[name]: total for name, total in totals.items() if name in _STATUS_FIELDS}
    others = {name: total for name, total in totals.items() if name not in _STATUS_FIELDS}
    if fields and not any(_capitalised(name) in _STATUS_FIELDS for name in fields):
        raise msgspec.DecodeError("none of the documented statuses is in it")
    return StatusTotals(**known, others=others)


def _capitalised(name: str) -> str:
    return name[:1].upper() + name[1:]


def _is_total(name: str, raw: msgspec.Raw) -> bool:
    value = bytes(raw)
    return value.startswith(b"{") or (_capitalised(name) in _STATUS_FIELDS and value != b"null")


def _decode_total(name: str, raw: msgspec.Raw) -> StatusTotal:
    try:
        return msgspec.json.decode(raw, type=StatusTotal)
    except msgspec.ValidationError as error:
        raise InvalidRecord(f"the total of status {name} cannot be read: {error}") from error


class _Paging(msgspec.Struct, rename="camel"):
    next_page_token: str | None = None


class _Listing(msgspec.Struct, Generic[RecordT]):
    records: list[RecordT] | None
    paging: _Paging | None = None


class _RawListing(msgspec.Struct):
    records: list[msgspec.Raw] | None
    paging: _Paging | None = None


class _Identified(msgspec.Struct):
    id: Any = None


@functools.cache
def _listing_decoder(record_type: Any) -> msgspec.json.Decoder[_Listing[Any]]:
    return msgspec.json.Decoder(_Listing[record_type])


def _decode_one_by_one(body: bytes, record_type: type[RecordT]) -> Page[RecordT]:
    listing = _raw_listing(body)
    records: list[RecordT] = []
    rejects: list[Reject] = []
    for raw in listing.records or []:
        try:
            records.append(msgspec.json.decode(raw, type=record_type))
        except _UNREADABLE as error:
            rejects.append(Reject(bytes(raw), _describe(record_type, raw, error)))
    return Page(records, rejects, _next_page_token(listing.paging))


def _raw_listing(body: bytes) -> _RawListing:
    try:
        return msgspec.json.decode(body, type=_RawListing)
    except msgspec.ValidationError:
        raise
    except _UNREADABLE:
        return _tolerant_listing(body)


def _tolerant_listing(body: bytes) -> _RawListing:
    """With the standard library, which reads text that holds half a character; what is no JSON is none here either."""
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


def _describe(record_type: type[Any], raw: msgspec.Raw | bytes, error: Exception) -> str:
    kind = {"OptOut": "opt-out"}.get(record_type.__name__, record_type.__name__.lower())
    try:
        record_id = msgspec.json.decode(raw, type=_Identified).id
    except _UNREADABLE:
        record_id = None
    name = f"{kind} {record_id}" if isinstance(record_id, str | int) else f"one {kind} without a usable id"
    return f"{name} cannot be read: {error}"
