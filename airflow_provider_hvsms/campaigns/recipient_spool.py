"""Keeps the recipients of a plan on disk, so that their number does not show in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

CACHE_SIZE = 8_192
"""KiB of memory for recipients; the others are on disk."""

_ROWS_PER_INSERT = 1_000


class Arrival(NamedTuple):
    """A checked recipient. `text` is null for the campaign's common text."""

    number: str
    place: int
    text: str | None
    segments: int

    def __repr__(self) -> str:
        return f"Arrival(place={self.place})"


class PlannedRecipient(NamedTuple):
    """A recipient of the plan."""

    number: str
    text: str | None
    opted_out: int

    def __repr__(self) -> str:
        return "PlannedRecipient(…)"


class InvalidRow(NamedTuple):
    """A row that holds no number; `number` is what stands in its place, as text."""

    place: int
    number: str | None
    reason: str

    def __repr__(self) -> str:
        return f"InvalidRow(place={self.place}, reason={self.reason!r})"


class Totals(NamedTuple):
    """Counts of the plan."""

    recipients: int
    opted_out: int
    segments: int


class RecipientSpool:
    """Sorts recipients by number, each number once.

    SQLite keeps them in a temporary file that has no name and that only this user can read. It is gone when the spool
    is closed or the process ends, however it ends.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._arrivals: list[Arrival] = []
        self._invalid: list[InvalidRow] = []
        for statement in (f"PRAGMA cache_size = -{CACHE_SIZE}", *_SCHEMA):
            self._database.execute(statement)

    def close(self) -> None:
        self._database.close()

    def add(self, arrival: Arrival) -> None:
        self._arrivals.append(arrival)
        if len(self._arrivals) == _ROWS_PER_INSERT:
            self._flush()

    def add_invalid(self, row: InvalidRow) -> None:
        self._invalid.append(row)
        if len(self._invalid) == _ROWS_PER_INSERT:
            self._flush()

    def sort(self) -> int:
        """Sort what was added, and return how many recipients were left out as duplicates.

        Call it once. `conflicts` looks at the recipients that were left out, until `drop_arrivals`.
        """
        self._flush()
        self._run(
            "INSERT OR IGNORE INTO planned (number, text, place, segments) "
            "SELECT number, text, place, segments FROM arrived ORDER BY number, place"
        )
        [[arrived, planned]] = self._run("SELECT (SELECT COUNT(*) FROM arrived), (SELECT COUNT(*) FROM planned)")
        return int(arrived - planned)

    def conflicts(self, count: int) -> list[tuple[int, int]]:
        """Places of two recipients with the same number and different texts.

        :param count: the most pairs.
        """
        found = self._run(
            "SELECT planned.place, arrived.place FROM arrived CROSS JOIN planned USING (number) "
            "WHERE arrived.text IS NOT planned.text LIMIT ?",
            (count,),
        )
        return list(found)

    def drop_arrivals(self) -> None:
        self._run("DROP TABLE arrived")

    def leave_out(self, numbers: Iterable[str]) -> None:
        """Mark those of the numbers that are planned as opted out, and no others."""
        with self._transaction():
            self._run("UPDATE planned SET opted_out = 0 WHERE opted_out")
            self._database.executemany("UPDATE planned SET opted_out = 1 WHERE number = ?", ((one,) for one in numbers))

    def totals(self) -> Totals:
        found = self._run("SELECT COUNT(*), TOTAL(opted_out), TOTAL(segments * (NOT opted_out)) FROM planned")
        return Totals(*map(int, next(found)))

    def batches(self, size: int) -> Iterator[list[PlannedRecipient]]:
        """The planned recipients, sorted by number, so many at a time."""
        last = ""
        statement = "SELECT number, text, opted_out FROM planned WHERE number > ? ORDER BY number LIMIT ?"
        while rows := [PlannedRecipient(*row) for row in self._run(statement, (last, size))]:
            yield rows
            last = rows[-1].number

    def invalid_rows(self) -> Iterator[InvalidRow]:
        """The invalid rows in the order in which they came."""
        last = 0
        statement = "SELECT position, place, number, reason FROM invalid WHERE position > ? ORDER BY position LIMIT ?"
        while rows := self._run(statement, (last, _ROWS_PER_INSERT)).fetchall():
            yield from (InvalidRow(*row) for _, *row in rows)
            last = rows[-1][0]

    def _flush(self) -> None:
        with self._transaction():
            self._database.executemany(
                "INSERT INTO arrived (number, place, text, segments) VALUES (?, ?, ?, ?)", self._arrivals
            )
            self._database.executemany("INSERT INTO invalid (place, number, reason) VALUES (?, ?, ?)", self._invalid)
        self._arrivals.clear()
        self._invalid.clear()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One transaction for many statements, for speed. It cannot be rolled back."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("COMMIT")

    def _run(self, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._database.execute(statement, parameters)


_SCHEMA = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA temp_store = FILE",
    "CREATE TABLE arrived (number TEXT NOT NULL, place INTEGER NOT NULL, text TEXT, segments INTEGER NOT NULL)",
    "CREATE TABLE invalid (position INTEGER PRIMARY KEY, place INTEGER NOT NULL, number TEXT, reason TEXT NOT NULL)",
    """
    CREATE TABLE planned (
        number TEXT PRIMARY KEY, text TEXT, place INTEGER NOT NULL, segments INTEGER NOT NULL,
        opted_out INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
)
