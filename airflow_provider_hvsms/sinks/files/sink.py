"""Rows into a folder of files: parts that appear together, and `_SUCCESS` when all of them are there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.files.publication import Publication
from airflow_provider_hvsms.sinks.files.registry import FileFormat, JsonLines, find_format
from airflow_provider_hvsms.sinks.schema import REJECTS, Column, Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

DEFAULT_ROWS_PER_PART = 100_000
"""About 10 MB of gzip JSON Lines."""

DEFAULT_ROWS_PER_PART = 100_000
"""About 10 MB of gzip JSON Lines."""


@contextmanager
def open_files(
    path: ObjectStoragePath,
    layout: Layout[Any],
    *,
    format: str,  # noqa: A002 - the name that users know
    compression: str | None = None,
    rows_per_part: int = DEFAULT_ROWS_PER_PART,
) -> Iterator[FileSink]:
    """Begin to write the rows of one load into a folder of its own.

    The format, its packages and the folder are checked before the block is entered. What an earlier load left stays
    as it is, complete, until `finish`; a block that is left without it changes nothing.

    :param path: the folder; all `part-*` files, `_rejects.jsonl` and `_SUCCESS` in it belong to loads. Of two loads at
        once the one that began later wins, and the other one fails if it comes second.
    :param format: `jsonl`, `csv` or `parquet`.
    :param compression: `None` for the format's default: `gzip` for `jsonl`, `none` for `csv`, `snappy` inside
        `parquet`. `gzip` or `none` for the first two, a codec that pyarrow knows for the last.
    :param rows_per_part: rows a file, at most. A part is kept on the local disk until it is complete, and then under a
        hidden name in the folder; its upload may hold it in memory, which is a reason to take fewer where texts are
        long and not packed.
    :raises InvalidRequest: an argument is not acceptable.
    :raises MissingPackage: the format needs a package that is not there.
    :raises UnusableFolder: files cannot be written here, and time will not change that.
    :raises FolderUnavailable: the store did not answer, or not well.
    """
    if not isinstance(rows_per_part, int) or rows_per_part < 1:
        raise InvalidRequest(f"rows_per_part is {rows_per_part!r}; it must be a whole number, at least 1.")
    file_format = find_format(format, compression)
    sink = FileSink(Publication(Folder(path)), layout, file_format, rows_per_part)
    try:
        yield sink
    finally:
        sink.discard()


class FileSink:
    """Takes rows and writes them as `part-<load>-00000`, `part-<load>-00001`, …: the same rows give the same bytes.

    Rows go into a part in blocks of a fixed size, however they were added, because the bytes of gzip and Parquet
    depend on that.
    """

    def __init__(
        self, publication: Publication, layout: Layout[Any], file_format: FileFormat, rows_per_part: int
    ) -> None:
        self._publication = publication
        self._layout = layout
        self._format = file_format
        self._rows_per_part = rows_per_part
        self._waiting: list[Row] = []
        self._part: _Draft | None = None
        self._rejects: _Draft | None = None

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        """Add rows, and records that could not be read."""
        self._waiting += rows
        while len(self._waiting) >= (size := self._block_size):
            self._write(self._waiting[:size])
            del self._waiting[:size]
        if rejects:
            self._rejects = self._rejects or _Draft(JsonLines(compressed=False), REJECTS.columns)
            self._rejects.write(rejects)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Publish all parts, `_rejects.jsonl` if there are any, and `_SUCCESS`, in place of what an earlier load left.

        Without rows there is no part, except for Parquet: one file without rows, whose schema readers need.

        :param summary: written into `_SUCCESS` as JSON.
        :raises LoadSuperseded: another load of the folder, which began later, has published its files.
        """
        self._finish_parts()
        if self._rejects:
            self._publication.add_rejects(self._rejects.complete())
            self._rejects.discard()
        self._publication.publish(summary)

    def discard(self) -> None:
        """Give up what is not published yet; nothing to do after `finish`."""
        for draft in (self._part, self._rejects):
            if draft:
                draft.discard()
        self._publication.withdraw()

    @property
    def _block_size(self) -> int:
        rows = self._part.rows if self._part else 0
        return min(self._format.rows_per_block, self._rows_per_part - rows)

    def _write(self, rows: Sequence[Row]) -> None:
        self._part = self._part or _Draft(self._format, self._layout.columns)
        self._part.write(rows)
        if self._part.rows == self._rows_per_part:
            self._finish_part(self._part)

    def _finish_parts(self) -> None:
        if self._waiting:
            self._write(self._waiting)
            self._waiting = []
        if self._part:
            self._finish_part(self._part)
        elif not self._publication.has_parts and self._format.is_readable_without_rows:
            self._finish_part(_Draft(self._format, self._layout.columns))

    def _finish_part(self, part: _Draft) -> None:
        self._publication.add_part(part.complete(), self._format.suffix)
        part.discard()
        self._part = None


class _Draft:
    """A file in the making. It has no name on the local disk, so that not even a killed process leaves it there."""

    def __init__(self, file_format: FileFormat, columns: Sequence[Column]) -> None:
        self.rows = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by discard
        self._complete = False
        self._writer = file_format.writer(self._file, columns)

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.write(rows)
        self.rows += len(rows)

    def complete(self) -> IO[bytes]:
        self._writer.close()
        self._complete = True
        return self._file

    def discard(self) -> None:
        if not self._complete:
            with suppress(OSError):  # a full disk
                self._writer.close()
        self._file.close()
