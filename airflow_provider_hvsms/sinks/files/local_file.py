"""A file on the local disk, in one of the formats."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from airflow_provider_hvsms.sinks.files.format import FileFormat
from airflow_provider_hvsms.sinks.schema import Column, Row


class LocalFile:
    """A local file that rows are written to. It has no name, so that it goes away even when the process is killed."""

    def __init__(self, file_format: FileFormat, columns: Sequence[Column]) -> None:
        self.rows = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by discard
        self._complete = False
        self._writer = file_format.open_writer(self._file, columns)

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.write(rows)
        self.rows += len(rows)

    def complete(self) -> IO[bytes]:
        """Write the end of the format, and return the file, positioned at its start."""
        self._writer.close()
        self._complete = True
        self._file.seek(0)
        return self._file

    def discard(self) -> None:
        if not self._complete:
            with suppress(OSError):  # the disk is full
                self._writer.close()
        self._file.close()
