"""Recipients that nothing was sent to, and why: kept in a table or in files, which a repetition does not change."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from airflow_provider_hvsms.sinks.personal_data import Protection
from airflow_provider_hvsms.sinks.protected_json import protected_description
from airflow_provider_hvsms.sinks.schema import Column, ColumnType, Layout, Row, Sink

BEFORE_SENDING = 0
"""The part of recipients that were found invalid before parts were made."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rejection:
    """A recipient that nothing was sent to, or whose opt-out could not be set.

    :param to: the number, or what was given in its place; `None` if there is none.
    :param rejected_at: when it was rejected; aware, in UTC. The creation of its batch is the same in each try.
    :param error_code: the service's code; `None` if it is not known.
    :param description: the reason in words. Phone numbers in it are removed.
    :param position: in the request, from 1; `None` if it is not known.
    :param place: its place among all recipients of the part, the same in each try. Without the number, it is what tells
        one recipient from another. By default the position, or else the place in the call.
    """

    to: str | None = dataclasses.field(repr=False)
    rejected_at: datetime
    error_code: str | None = None
    description: str | None = dataclasses.field(default=None, repr=False)
    position: int | None = None
    place: int | None = None


class TaskRun(Protocol):
    """The task whose tries share rows."""

    @property
    def dag_id(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def task_id(self) -> str: ...
    @property
    def map_index(self) -> int: ...


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rejection with its place in the run, its values protected."""

    fingerprint: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    part: int
    to_number: str | None
    position: int | None
    error_code: str | None
    description: str | None
    batch_id: str | None
    rejected_at: datetime


REJECTED_RECIPIENTS: Layout[RejectedRow] = Layout(
    record_columns=(
        Column("fingerprint", ColumnType.ID),
        Column("dag_id", ColumnType.TEXT),
        Column("run_id", ColumnType.TEXT),
        Column("task_id", ColumnType.TEXT),
        Column("map_index", ColumnType.INTEGER),
        Column("part", ColumnType.INTEGER),
        Column("to_number", ColumnType.TEXT, holds="numbers"),
        Column("position", ColumnType.INTEGER),
        Column("error_code", ColumnType.TEXT),
        Column("description", ColumnType.TEXT),
        Column("batch_id", ColumnType.TEXT),
        Column("rejected_at", ColumnType.TIMESTAMP),
    ),
    key=("fingerprint",),
    kept=frozenset({"position", "error_code", "description"}),
)
"""One row for each rejected recipient of a part of a run. What only the first answer told stays.

The fingerprint (SHA-256) is of the run, the part and the number as it is kept. Where numbers are dropped, the place in
the part stands for the number, which could be guessed from its fingerprint.
"""


class RejectedTarget(Protocol):
    """Where the rows go: a table or a folder."""

    def check(self, layout: Layout[RejectedRow]) -> None:
        """Check that rows can be written, so that a mistake shows before anything is sent."""

    def write(self, layout: Layout[RejectedRow], name: str, rows: list[Row]) -> None:
        """Add the rows of a part, or replace those that are there.

        :param name: of the part, as a part of a file's name.
        """


class RejectedTable:
    """A table of any database or warehouse. It is created if it is missing.

    :param open_table: opens it for the rows of a layout.
    """

    def __init__(self, open_table: Callable[[Layout[RejectedRow]], AbstractContextManager[Sink]]) -> None:
        self._open = open_table

    def check(self, layout: Layout[RejectedRow]) -> None:
        with self._open(layout):
            pass

    def write(self, layout: Layout[RejectedRow], name: str, rows: list[Row]) -> None:
        with self._open(layout) as sink:
            sink.add(rows, [])
            sink.finish({})


class RejectedRecipients:
    """Keeps the rejected recipients of one task's run.

    The same recipient again, as after a crash, changes nothing, and a code that is no longer known stays.

    :param target: where they go.
    :param run: whose they are.
    :param protection: how numbers are protected.
    """

    def __init__(self, target: RejectedTarget, run: TaskRun, protection: Protection) -> None:
        self._target = target
        self._run = run
        self._protection = protection
        # The rows are protected before, as their fingerprint is made of what is kept.
        self._layout = dataclasses.replace(REJECTED_RECIPIENTS, personal_data=protection.setting)

    def check(self) -> None:
        """Check that recipients can be kept, before anything is sent: only the first answer names them.

        :raises TableMismatch: the table has other columns, or rows of another `personal_data`.
        :raises UnusableFolder: files cannot be written in the folder.
        """
        self._target.check(self._layout)

    def keep(self, part: int, rejections: Sequence[Rejection], *, batch_id: str | None = None) -> None:
        """Keep the rejected recipients of a part, all of them or none; without any, nothing is opened.

        :param part: its number, from 1, or `BEFORE_SENDING`.
        :param batch_id: the batch that they were rejected from, if there is one.
        """
        if not rejections:
            return
        numbered = zip(rejections, itertools.count(1), strict=False)
        records = [self._row(part, rejection, place, batch_id) for rejection, place in numbered]
        rows = self._layout.rows(records, datetime.now(UTC))
        self._target.write(self._layout, f"{_name_of(self._run)}-part-{part:05}", rows)

    def _row(self, part: int, rejection: Rejection, place: int, batch_id: str | None) -> RejectedRow:
        # An empty text is no number, and null is one that was dropped.
        to_number = self._protection.numbers(rejection.to or "")
        if to_number == "" and self._protection.setting == "drop":
            to_number = None
        identity = to_number or _identity_without_number(rejection, place)
        return RejectedRow(
            fingerprint=_fingerprint(*_parts_of(self._run), part, identity),
            dag_id=self._run.dag_id,
            run_id=self._run.run_id,
            task_id=self._run.task_id,
            map_index=self._run.map_index,
            part=part,
            to_number=to_number,
            position=rejection.position,
            error_code=rejection.error_code,
            description=protected_description(self._protection, rejection.description),
            batch_id=batch_id,
            rejected_at=rejection.rejected_at,
        )


def _identity_without_number(rejection: Rejection, place: int) -> str:
    if rejection.place is not None:
        return f"place {rejection.place}"
    return f"call {place}" if rejection.position is None else f"position {rejection.position}"


def _name_of(run: TaskRun) -> str:
    """A file's name for a run. Characters that a file system may not take are replaced; the digits tell runs apart."""
    readable = "-".join(str(part) for part in _parts_of(run)[1:3])
    safe = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in readable)
    return f"{safe[:_MAX_NAME]}-{_fingerprint(*_parts_of(run))[:12]}"


def _parts_of(run: TaskRun) -> tuple[str | int, ...]:
    return run.dag_id, run.run_id, run.task_id, run.map_index


def _fingerprint(*parts: str | int) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


_MAX_NAME = 120
"""Characters of a run in a file's name; most file systems take 255 in all."""
