"""Each resource's columns, and a record as a row."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from airflow_provider_hvsms.api.records import Message

RecordT = TypeVar("RecordT")
Row = tuple[Any, ...]


class Kind(enum.Enum):
    """What a column holds; each sink maps it to a type of its own."""

    ID = "id"
    TEXT = "text"
    WHOLE_NUMBER = "whole number"
    MONEY = "money"
    """`Decimal`, 12 digits, 6 of them behind the point."""
    TIME = "time"
    """An aware datetime in UTC."""


@dataclasses.dataclass(frozen=True)
class Column:
    name: str
    kind: Kind


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
        Column("segment_count", Kind.WHOLE_NUMBER),
        Column("cost", Kind.MONEY),
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
