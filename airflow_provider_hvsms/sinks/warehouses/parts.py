"""Packs rows into part files on the local disk, and loads each into a staging table as it is complete."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import IO

from airflow_provider_hvsms.sinks.files.format import FileFormat
from airflow_provider_hvsms.sinks.files.local_file import LocalFile
from airflow_provider_hvsms.sinks.schema import Column, Row

ROWS_PER_PART = 100_000
"""About 3 MB of CSV compressed with gzip."""


class Parts:
    """The rows of one staging table. At most one part is on the disk at a time, and one block of rows in memory.

    :param columns: those of the staging table; the first one is the number of the row.
    :param load: takes a complete part, positioned at its start.
    """

    def __init__(self, file_format: FileFormat, columns: Sequence[Column], load: Callable[[IO[bytes]], None]) -> None:
        self.rows = 0
        self._format = file_format
        self._columns = columns
        self._load = load
        self._sequence = itertools.count()
        self._buffer: list[Row] = []
        self._part: LocalFile | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows without their number."""
        self.rows += len(rows)
        self._buffer += [(number, *row) for number, row in zip(self._sequence, rows, strict=False)]
        while len(self._buffer) >= (size := self._block_size):
            self._write(self._buffer[:size])
            del self._buffer[:size]

    def finish(self) -> None:
        """Load what is left."""
        if self._buffer:
            self._write(self._buffer)
            self._buffer = []
        if self._part:
            self._load_part(self._part)

    def discard(self) -> None:
        """Remove what is not loaded; has no effect after `finish`."""
        if self._part:
            self._part.discard()

    @property
    def _block_size(self) -> int:
        return min(self._format.rows_per_block, ROWS_PER_PART - (self._part.rows if self._part else 0))

    def _write(self, rows: Sequence[Row]) -> None:
        self._part = self._part or LocalFile(self._format, self._columns)
        self._part.write(rows)
        if self._part.rows == ROWS_PER_PART:
            self._load_part(self._part)

    def _load_part(self, part: LocalFile) -> None:
        self._load(part.complete())
        part.discard()
        self._part = None
