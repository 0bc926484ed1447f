"""The columns of each resource, and how the values of a row are got from a record."""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import msgspec

from airflow_provider_hvsms.api.records import Batch, Message, OptOut, Reject, StatusTotal, StatusTotals
from airflow_provider_hvsms.sinks.personal_data import PersonalData, Protection
from airflow_provider_hvsms.sinks.protected_json import protected_json

Holds = Literal["numbers", "text", "json"]
"""What a column holds of people: phone numbers, several joined by commas; a text; or JSON that may hold either."""

RecordT = TypeVar("RecordT")
Row = tuple[Any, ...]

OnSchemaChange = Literal["add", "fail"]
"""What happens to a column that a table lacks: it is added, or the load is refused."""


class ColumnType(enum.Enum):
    """What a column holds. Each sink maps it to a type of its own."""

    ID = "id"
    """A string that can be part of a key."""
    TEXT = "text"
    INTEGER = "integer"
    """64 bits."""
    DECIMAL = "decimal"
    """`Decimal`: 18 digits, 6 of them decimal places."""
    TIMESTAMP = "timestamp"
    """An aware datetime in UTC, to the microsecond."""
    JSON = "json"
    """A string that holds JSON."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column.

    :param getter: returns the value, given the record. By default, the record's attribute that has the column's name.
    :param max_length: maximum characters of an `ID`, for databases whose keys need a length.
    :param holds: what the values hold of people; `None`: nothing.
    """

    name: str
    type: ColumnType
    getter: Callable[[Any], Any] | None = None
    max_length: int = 180
    holds: Holds | None = None

    @property
    def value_of(self) -> Callable[[Any], Any]:
        return self.getter or attrgetter(self.name)

    def protected(self, protection: Protection) -> Self:
        """This column with a getter that protects the values."""
        if self.holds is None:
            return self
        value_of = self.value_of
        protect: dict[Holds, Callable[[Any], Any]] = {
            "numbers": protection.numbers,
            "text": protection.text,
            "json": functools.partial(protected_json, protection),
        }
        protected = protect[self.holds]
        return dataclasses.replace(self, getter=lambda record: protected(value_of(record)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout(Generic[RecordT]):
    """The columns of one resource's rows.

    :param record_columns: the columns whose values come from a record, in the order of a row's values.
    :param key: the columns that identify a record.
    :param version: the column that orders the states of one record; `None` if the resource has none.
    :param kept: columns that keep their value when a newer state has null.
    :param immutable: columns, besides those of the key, that have the same value in all states of a record.
    :param personal_data: what the rows hold of people.
    """

    record_columns: tuple[Column, ...]
    key: tuple[str, ...]
    version: str | None = None
    kept: frozenset[str] = frozenset()
    immutable: frozenset[str] = frozenset()
    personal_data: PersonalData = "keep"

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns of a row; the last one, `loaded_at`, holds the time of the load."""
        return (*self.record_columns, LOADED_AT)

    def with_extra(self) -> Self:
        """This layout with a column `extra` after those of the record: fields that this version does not know."""
        return dataclasses.replace(self, record_columns=(*self.record_columns, EXTRA))

    def protected(self, protection: Protection) -> Self:
        """This layout with rows that hold people's data as the setting wants it."""
        if protection.setting == "keep":
            return self
        return dataclasses.replace(
            self,
            record_columns=tuple(column.protected(protection) for column in self.record_columns),
            # Null is not "not read" here: a text that a row still has must not stay.
            kept=self.kept - {column.name for column in self.record_columns if column.holds == "text"},
            personal_data=protection.setting,
        )

    @property
    def number_columns(self) -> tuple[str, ...]:
        """The names of the columns that hold phone numbers."""
        return tuple(column.name for column in self.record_columns if column.holds == "numbers")

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def rows(self, records: Sequence[RecordT], loaded_at: datetime) -> list[Row]:
        """The records as rows of one load."""
        values = (map(column.value_of, records) for column in self.record_columns)
        return list(zip(*values, itertools.repeat(loaded_at)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What a load did to its target, in records: one that was read twice counts once.

    :param unchanged: were there already, in the same or a newer state.
    """

    inserted: int
    updated: int
    unchanged: int


class Sink(Protocol):
    """Takes the rows of one load."""

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        """Take some rows of the load's layout, and some of `REJECTS`."""

    def finish(self, summary: Mapping[str, Any]) -> Changes | None:
        """Publish all rows at once, with a summary of the load.

        :return: `None` if the target cannot tell.
        """


EXTRA = Column("extra", ColumnType.JSON)
LOADED_AT = Column("loaded_at", ColumnType.TIMESTAMP)


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


MESSAGES: Layout[Message] = Layout(
    record_columns=(
        Column("id", ColumnType.ID),
        Column("batch_id", ColumnType.TEXT),
        Column("direction", ColumnType.TEXT),
        Column("from_number", ColumnType.TEXT, holds="numbers"),
        Column("to_number", ColumnType.TEXT, lambda message: ",".join(message.to), holds="numbers"),
        Column("message_status", ColumnType.TEXT),
        Column("error_code", ColumnType.TEXT),
        Column("segment_count", ColumnType.INTEGER),
        Column("cost", ColumnType.DECIMAL),
        Column("creation_time", ColumnType.TIMESTAMP),
        Column("last_modified_time", ColumnType.TIMESTAMP),
        Column("text", ColumnType.TEXT, holds="text"),
    ),
    key=("id",),
    version="last_modified_time",
    kept=frozenset({"text"}),
    immutable=frozenset({"creation_time", "direction"}),
)

BATCHES: Layout[Batch] = Layout(
    record_columns=(
        Column("id", ColumnType.ID),
        Column("from_number", ColumnType.TEXT, holds="numbers"),
        Column("batch_size", ColumnType.INTEGER),
        Column("processed_count", ColumnType.INTEGER),
        Column("status", ColumnType.TEXT),
        Column("rejected_count", ColumnType.INTEGER, lambda batch: len(batch.rejected)),
        Column("rejected", ColumnType.JSON, lambda batch: _as_json(batch.rejected), holds="json"),
        Column("cost", ColumnType.DECIMAL),
        Column("creation_time", ColumnType.TIMESTAMP),
        Column("last_modified_time", ColumnType.TIMESTAMP),
    ),
    key=("id",),
    version="last_modified_time",
    immutable=frozenset({"creation_time"}),
)


class StatusRow(msgspec.Struct, frozen=True, kw_only=True):
    """The total of one status, and the filters of the read.

    :param batch_id: empty where there is no such filter; so are `direction` and `phone_numbers`.
    """

    window_start: datetime
    window_end: datetime
    batch_id: str
    direction: str
    phone_numbers: str
    status: str
    total: StatusTotal

    @property
    def extra(self) -> str | None:
        return self.total.extra


def status_rows(
    totals: StatusTotals,
    *,
    start: datetime,
    end: datetime,
    batch_id: str | None,
    direction: str | None,
    phone_numbers: Sequence[str],
) -> list[StatusRow]:
    """One row for each status. A status without messages has one too, which replaces an earlier count."""
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


STATUSES: Layout[StatusRow] = Layout(
    record_columns=(
        Column("window_start", ColumnType.TIMESTAMP),
        Column("window_end", ColumnType.TIMESTAMP),
        Column("batch_id", ColumnType.ID),
        Column("direction", ColumnType.ID, max_length=32),
        Column("phone_numbers", ColumnType.ID, max_length=255),
        Column("status", ColumnType.ID, max_length=64),
        Column("count", ColumnType.INTEGER, attrgetter("total.count")),
        Column("cost", ColumnType.DECIMAL, attrgetter("total.cost")),
        Column("error_code_counts", ColumnType.JSON, lambda row: _as_json(row.total.error_code_counts)),
    ),
    key=("window_start", "window_end", "batch_id", "direction", "phone_numbers", "status"),
)

OPT_OUTS: Layout[OptOut] = Layout(
    record_columns=(
        Column("from_number", ColumnType.ID, holds="numbers"),
        Column("to_number", ColumnType.ID, attrgetter("to"), holds="numbers"),
        Column("status", ColumnType.TEXT),
        Column("source", ColumnType.TEXT),
    ),
    key=("from_number", "to_number"),
)

REJECTS: Layout[Reject] = Layout(
    record_columns=(
        Column("fingerprint", ColumnType.ID, lambda reject: hashlib.sha256(reject.record).hexdigest()),
        Column("record", ColumnType.JSON, lambda reject: reject.record.decode("utf-8", "replace")),
        Column("reason", ColumnType.TEXT),
    ),
    key=("fingerprint",),
)
"""Records that could not be read, word for word. The fingerprint (SHA-256) makes a repeated load harmless.

Where personal data is protected, rejects are before they become rows (`protected_json.py`), fingerprint included.
"""
