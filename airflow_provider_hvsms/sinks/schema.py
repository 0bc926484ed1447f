"""Each resource's columns, and a record as a row."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from airflow_provider_hvsms.api.records import Batch, Message, OptOut, Reject, StatusTotal, StatusTotals

RecordT = TypeVar("RecordT")
Row = tuple[Any, ...]


class Kind(enum.Enum):
    """What a column holds; each sink maps it to a type of its own."""

    ID = "id"
    TEXT = "text"
    INTEGER = "whole number"
    DECIMAL = "money"
    """`Decimal`, 18 digits, 6 of them decimal places."""
    TIME = "time"
    """An aware datetime in UTC."""
    JSON = "json"
    """A string that holds JSON."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column.

    :param length: characters that an id has at most, for databases whose keys need a length.
    """

    name: str
    kind: Kind
    length: int = 180


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout(Generic[RecordT]):
    """The columns of one resource. The last one, `loaded_at`, is not the record's: it is the load that wrote the row.

    :param columns: in the order of a row's values.
    :param key: the columns that tell one record from another.
    :param version: the column by which the newer of two states of a record is known; `None` if there is none.
    :param kept: columns whose value stays when a newer state has none.
    :param values: a record's values, in the order of the columns without `loaded_at`.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    version: str | None
    kept: frozenset[str]
    values: Callable[[RecordT], Row]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def rows(self, records: Sequence[RecordT], loaded_at: datetime) -> list[Row]:
        """The records as rows of one load."""
        return [(*self.values(record), loaded_at) for record in records]


class Sink(Protocol):
    """Takes the rows of one load."""

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        """Take some rows of the load's layout, and some of `REJECTS`."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Make all that was taken visible, at once; the summary says what it is."""


LOADED_AT = Column("loaded_at", Kind.TIME)


def _message_values(message: Message) -> Row:
    return (
        message.id,
        message.batch_id,
        message.direction,
        message.from_number,
        ",".join(message.to),
        message.message_status,
        message.error_code,
        message.segment_count,
        message.cost,
        message.creation_time,
        message.last_modified_time,
        message.text,
    )


MESSAGES = Layout(
    columns=(
        Column("id", Kind.ID),
        Column("batch_id", Kind.TEXT),
        Column("direction", Kind.TEXT),
        Column("from_number", Kind.TEXT),
        Column("to_number", Kind.TEXT),
        Column("message_status", Kind.TEXT),
        Column("error_code", Kind.TEXT),
        Column("segment_count", Kind.INTEGER),
        Column("cost", Kind.DECIMAL),
        Column("creation_time", Kind.TIME),
        Column("last_modified_time", Kind.TIME),
        Column("text", Kind.TEXT),
        LOADED_AT,
    ),
    key=("id",),
    version="last_modified_time",
    kept=frozenset({"text"}),
    values=_message_values,
)


def _batch_values(batch: Batch) -> Row:
    return (
        batch.id,
        batch.from_number,
        batch.batch_size,
        batch.processed_count,
        batch.status,
        len(batch.rejected),
        msgspec.json.encode(batch.rejected).decode(),
        batch.cost,
        batch.creation_time,
        batch.last_modified_time,
    )


BATCHES = Layout(
    columns=(
        Column("id", Kind.ID),
        Column("from_number", Kind.TEXT),
        Column("batch_size", Kind.INTEGER),
        Column("processed_count", Kind.INTEGER),
        Column("status", Kind.TEXT),
        Column("rejected_count", Kind.INTEGER),
        Column("rejected", Kind.JSON),
        Column("cost", Kind.DECIMAL),
        Column("creation_time", Kind.TIME),
        Column("last_modified_time", Kind.TIME),
        LOADED_AT,
    ),
    key=("id",),
    version="last_modified_time",
    kept=frozenset(),
    values=_batch_values,
)


class StatusRow(msgspec.Struct, frozen=True, kw_only=True):
    """The total of one status, and what it is the total of.

    :param batch_id: empty where there is no such filter; so are `direction` and `phone_numbers`.
    """

    window_start: datetime
    window_end: datetime
    batch_id: str
    direction: str
    phone_numbers: str
    status: str
    total: StatusTotal


def status_rows(
    totals: StatusTotals,
    *,
    start: datetime,
    end: datetime,
    batch_id: str | None,
    direction: str | None,
    phone_numbers: Sequence[str],
) -> list[StatusRow]:
    """One row for each status, also for those without a message: an earlier count of them must not stay."""
    return [
        StatusRow(
            window_start=start,
            window_end=end,
            batch_id=batch_id or "",
            direction=direction or "",
            phone_numbers=",".join(sorted(phone_numbers)),
            status=status,
            total=total,
        )
        for status, total in totals.by_status().items()
    ]


def _status_values(row: StatusRow) -> Row:
    return (
        row.window_start,
        row.window_end,
        row.batch_id,
        row.direction,
        row.phone_numbers,
        row.status,
        row.total.count,
        row.total.cost,
        msgspec.json.encode(row.total.error_code_counts, order="sorted").decode(),
    )


STATUSES = Layout(
    columns=(
        Column("window_start", Kind.TIME),
        Column("window_end", Kind.TIME),
        Column("batch_id", Kind.ID),
        Column("direction", Kind.ID, length=32),
        Column("phone_numbers", Kind.ID, length=255),
        Column("status", Kind.ID, length=64),
        Column("count", Kind.INTEGER),
        Column("cost", Kind.DECIMAL),
        Column("error_code_counts", Kind.JSON),
        LOADED_AT,
    ),
    key=("window_start", "window_end", "batch_id", "direction", "phone_numbers", "status"),
    version=None,
    kept=frozenset(),
    values=_status_values,
)


def _opt_out_values(opt_out: OptOut) -> Row:
    return (opt_out.from_number, opt_out.to, opt_out.status, opt_out.source)


OPT_OUTS = Layout(
    columns=(
        Column("from_number", Kind.ID),
        Column("to_number", Kind.ID),
        Column("status", Kind.TEXT),
        Column("source", Kind.TEXT),
        LOADED_AT,
    ),
    key=("from_number", "to_number"),
    version=None,
    kept=frozenset(),
    values=_opt_out_values,
)


def _reject_values(reject: Reject) -> Row:
    return (hashlib.sha256(reject.record).hexdigest(), reject.record.decode("utf-8", "replace"), reject.reason)


REJECTS = Layout(
    columns=(
        Column("fingerprint", Kind.ID),
        Column("record", Kind.JSON),
        Column("reason", Kind.TEXT),
        LOADED_AT,
    ),
    key=("fingerprint",),
    version=None,
    kept=frozenset(),
    values=_reject_values,
)
"""Records that could not be read, word for word; the fingerprint (SHA-256) makes loading them again harmless."""
