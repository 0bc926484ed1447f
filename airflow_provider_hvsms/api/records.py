"""The records of the message store as typed values.

Costs are `Decimal`, times are aware datetimes in UTC, ids are strings. Statuses that are not documented are kept;
fields that are not listed here are ignored, or kept on request. `decoding.py` reads records from a response's body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar, Generic, TypeVar

import msgspec
from msgspec.structs import force_setattr

from airflow_provider_hvsms.api.unknown_fields import Extensible, names_of

AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]

# Values that no database can hold are refused here, where the record can be named and quarantined.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# Rounded to six decimal places, a cost below this has at most twelve digits before them.
_MAX_COST = Decimal("999999999999.9999995")

Key = str | tuple[str, ...]
ItemT = TypeVar("ItemT")

if TYPE_CHECKING:
    RecordId = str
    Several = tuple[ItemT, ...]
    Count = int
    CountsByCode = dict[str, int]
else:
    # A number in the listing's schema and a string in the single read's: decoded as either, kept as a string.
    RecordId = str | int
    # The service sometimes sends `null` for an empty list: decoded as either, kept as a tuple.
    Several = tuple[ItemT, ...] | None
    Count = Int64 | None
    CountsByCode = dict[str, int] | None


# A `ValueError` from `__post_init__` becomes msgspec's `ValidationError`, which names the record's position.
def _id_as_text(record: msgspec.Struct, record_id: str | int) -> None:
    if record_id == "":
        raise ValueError("`id` is empty")
    if isinstance(record_id, int):
        force_setattr(record, "id", str(record_id))


def null_as_empty(record: msgspec.Struct, field: str) -> None:
    """Replace a null where the service should send a list."""
    if getattr(record, field) is None:
        force_setattr(record, field, ())


def _time_in_utc(record: msgspec.Struct, field: str, moment: datetime | None) -> None:
    if moment is None or moment.tzinfo is UTC:
        return
    try:
        force_setattr(record, field, moment.astimezone(UTC))
    except OverflowError:
        raise ValueError(f"`{field}` is outside the years 1 to 9999 in UTC") from None


def _check_cost(cost: Decimal | None) -> None:
    if cost is None:
        return
    if not cost.is_finite():
        raise ValueError("`cost` is not a finite number")
    if abs(cost) >= _MAX_COST:
        raise ValueError("`cost` has more than twelve digits before its decimal places")


class Record(Extensible, frozen=True, kw_only=True, rename="camel"):
    """A record of a listing."""

    noun: ClassVar[str]
    """What error messages call it."""

    @property
    def key(self) -> Key:
        """Identifies the record within its listing."""
        raise NotImplementedError


RecordT = TypeVar("RecordT", bound=Record)


class Message(Record, frozen=True, kw_only=True):
    """A message (RingCentral: MessageListMessageResponse and MessageDetailsResponse).

    `id` and `creation_time` are always present. Any other field that the service leaves out is `None` (`to`: empty).
    `text` is present in the `Detailed` view and in the single read.
    """

    noun: ClassVar[str] = "message"

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
        _id_as_text(self, self.id)
        null_as_empty(self, "to")
        _time_in_utc(self, "creation_time", self.creation_time)
        _time_in_utc(self, "last_modified_time", self.last_modified_time)
        _check_cost(self.cost)

    @property
    def key(self) -> Key:
        return self.id


class RejectedRecipient(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A recipient that was rejected from a batch (RingCentral: RejectedRecipientResponseResource)."""

    index: int | None = None
    to: Several[str] = ()
    error_code: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        null_as_empty(self, "to")


class Batch(Record, frozen=True, kw_only=True):
    """A batch (RingCentral: MessageBatchResponse).

    `id` and `creation_time` are always present. `status` is `Processing`, `Completed`, or another that the service
    adds; `cost` is present once it is `Completed`.
    """

    noun: ClassVar[str] = "batch"
    nested: ClassVar[Mapping[str, type[msgspec.Struct]]] = {"rejected": RejectedRecipient}

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
        _id_as_text(self, self.id)
        null_as_empty(self, "rejected")
        _time_in_utc(self, "creation_time", self.creation_time)
        _time_in_utc(self, "last_modified_time", self.last_modified_time)
        _check_cost(self.cost)

    @property
    def key(self) -> Key:
        return self.id


DatedRecordT = TypeVar("DatedRecordT", Message, Batch)
"""A record with a `creation_time`."""


class OptOut(Record, frozen=True, kw_only=True):
    """Whether a recipient accepts messages from a sender (RingCentral: OptOutResponse)."""

    noun: ClassVar[str] = "opt-out"

    from_number: str = msgspec.field(name="from")
    to: str
    status: str | None = None
    source: str | None = None

    @property
    def key(self) -> Key:
        return (self.from_number, self.to)


class StatusTotal(Extensible, frozen=True, kw_only=True, rename="camel"):
    """The messages that have one status.

    :param cost: of all of them together; `None` in the older response shape, which has no cost.
    :param error_code_counts: how many failed with each error code.
    """

    count: Count = 0
    cost: Decimal | None = None
    error_code_counts: CountsByCode = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count is None:
            force_setattr(self, "count", 0)
        if self.error_code_counts is None:
            force_setattr(self, "error_code_counts", {})
        _check_cost(self.cost)


class StatusTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The messages of a window or batch by status (RingCentral: MessageStatusesResponse).

    :param others: statuses that are not documented, under the names that the service uses.
    """

    queued: StatusTotal = StatusTotal()
    sent: StatusTotal = StatusTotal()
    delivered: StatusTotal = StatusTotal()
    delivery_failed: StatusTotal = StatusTotal()
    sending_failed: StatusTotal = StatusTotal()
    others: dict[str, StatusTotal] = {}

    def by_status(self) -> dict[str, StatusTotal]:
        """The totals under the names that `Message.message_status` uses."""
        documented = {status: getattr(self, field) for status, field in STATUS_FIELDS.items()}
        return {**documented, **self.others}

    @property
    def unknown_fields(self) -> frozenset[str]:
        """The names of fields of the totals that this version does not know."""
        return frozenset(name for total in self.by_status().values() for name in names_of(total.unknown))

    @property
    def total(self) -> int:
        """Messages in all statuses together."""
        return sum(total.count for total in self.by_status().values())

    @property
    def delivered_ratio(self) -> float:
        """Delivered messages as a part of all, 0 to 1; 0 if there are none."""
        return self.delivered.count / self.total if self.total else 0.0

    @property
    def failed_ratio(self) -> float:
        """Messages that failed in sending or delivery as a part of all, 0 to 1; 0 if there are none."""
        failed = self.delivery_failed.count + self.sending_failed.count
        return failed / self.total if self.total else 0.0


STATUS_FIELDS = {
    "Queued": "queued",
    "Sent": "sent",
    "Delivered": "delivered",
    "DeliveryFailed": "delivery_failed",
    "SendingFailed": "sending_failed",
}
"""The documented statuses, and the field of `StatusTotals` that holds each."""


class Reject(msgspec.Struct, frozen=True):
    """A record that does not have the documented shape.

    :param record: its JSON, byte for byte.
    :param reason: names the record and the field, without the field's value.
    """

    record: bytes
    reason: str

    @property
    def key(self) -> Key:
        return (self.record.decode("utf-8", "replace"),)


class Page(msgspec.Struct, Generic[ItemT], frozen=True):
    """A page of a listing: its records, those that could not be read, and the next page's token (`None`: last page).

    :param unknown_fields: the names of fields that records up to this page have and this version does not know, if the
        read finds them.
    :param covered: the part of the window that this page completes. The parts of all pages together are the window;
        zero for a listing without one.
    """

    records: Sequence[ItemT]
    rejects: Sequence[Reject] = ()
    next_page_token: str | None = None
    unknown_fields: frozenset[str] = frozenset()
    covered: timedelta = timedelta()
