"""Writes rows to a folder of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.files.format import FileFormat
from airflow_provider_hvsms.sinks.files.jsonl import JsonLines
from airflow_provider_hvsms.sinks.files.local_file import LocalFile
from airflow_provider_hvsms.sinks.files.publication import Publication, check_not_mixed
from airflow_provider_hvsms.sinks.files.registry import find_format
from airflow_provider_hvsms.sinks.schema import REJECTS, Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

DEFAULT_ROWS_PER_PART = 100_000
"""About 10 MB of JSON Lines compressed with gzip."""


@contextmanager
def open_files(
    path: ObjectStoragePath,
    layout: Layout[Any],
    *,
    format: str,  # noqa: A002 - the name that users know
    compression: str | None = None,
    rows_per_part: int = DEFAULT_ROWS_PER_PART,
) -> Iterator[FileSink]:
    """Open a sink for the rows of one load.

    For example::

        with open_files(ObjectStoragePath("s3://aws@lake/2026-11-01"), MESSAGES, format="parquet") as sink:
            sink.add(rows, [])
            sink.finish({"rows": len(rows)})

    The format, its packages and the folder are checked before the block is entered. The files of the previous load stay
    complete until `finish`; a block that is left without it changes nothing.

    :param path: the folder; loads own all its `part-*` files, `_rejects.jsonl` and `_SUCCESS`. Of two loads at once,
        the one that started later wins; the other one fails unless it completes first.
    :param format: `jsonl`, `csv` or `parquet`.
    :param compression: `gzip` or `none` for `jsonl` (default `gzip`) and `csv` (default `none`); for `parquet` a codec
        of pyarrow, or `none` (default `snappy`). `None` for the default.
    :param rows_per_part: the maximum of rows in a file. A part is kept on the local disk until it is complete, and then
        under a hidden name in the folder. The upload may hold a whole part in memory: choose a smaller number where
        texts are long and not compressed.
    :raises InvalidRequest: an argument is not valid.
    :raises MissingPackage: the format needs a package that is not installed.
    :raises UnusableFolder: the folder cannot be written until its path or a permission is changed, or it holds those of
        a partitioned load.
    :raises FolderUnavailable: the file system or object store did not answer, or answered with an error of its own.
    """
    check_rows_per_part(rows_per_part)
    file_format = find_format(format, compression)
    folder = Folder(path)
    check_not_mixed(folder, partition_by=None)
    sink = FileSink(Publication.start(folder), layout, file_format, rows_per_part)
    try:
        yield sink
    finally:
        sink.discard()


def check_rows_per_part(rows: object) -> None:
    """Check the size of a part.

    :raises InvalidRequest: it is not a number above 0.
    """
    if not isinstance(rows, int) or rows < 1:
        raise InvalidRequest(f"rows_per_part is {rows!r}; it must be a whole number, at least 1.")


class FileSink:
    """Writes rows as `part-<load>-00000`, `part-<load>-00001`, …; the same rows give the same bytes.

    Rows are written in blocks of a fixed size, regardless of how they were added, because the bytes of gzip and Parquet
    depend on it.
    """

    def __init__(
        self, publication: Publication, layout: Layout[Any], file_format: FileFormat, rows_per_part: int
    ) -> None:
        self._publication = publication
        self._layout = layout
        self._format = file_format
        self._rows_per_part = rows_per_part
        self._buffer: list[Row] = []
        self._part: LocalFile | None = None
        self._rejects: LocalFile | None = None

    def add(self, rows: list[Row], rejects: list[Row]) -> None:
        """Add rows of the layout, and rows of `REJECTS`."""
        self._buffer += rows
        while len(self._buffer) >= (size := self._block_size):
            self._write(self._buffer[:size])
            del self._buffer[:size]
        if rejects:
            self._rejects = self._rejects or LocalFile(JsonLines("none"), REJECTS.columns)
            self._rejects.write(rejects)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Publish all parts, `_rejects.jsonl` if there are rejects, and `_SUCCESS`; they replace the previous load's.

        A load without rows has no part, except in Parquet: one file without rows gives readers the schema.

        :param summary: written to `_SUCCESS` as JSON.
        :raises LoadSuperseded: another load into the folder started later and has published its files.
        """
        self._finish_parts()
        if self._rejects:
            self._publication.add_rejects(self._rejects.complete())
            self._rejects.discard()
        self._publication.publish(summary)

    def discard(self) -> None:
        """Discard what is not published; has no effect after `finish`."""
        for file in (self._part, self._rejects):
            if file:
                file.discard()
        self._publication.discard()

    @property
    def _block_size(self) -> int:
        rows = self._part.rows if self._part else 0
        return min(self._format.rows_per_block, self._rows_per_part - rows)

    def _write(self, rows: Sequence[Row]) -> None:
        self._part = self._part or LocalFile(self._format, self._layout.columns)
        self._part.write(rows)
        if self._part.rows == self._rows_per_part:
            self._finish_part(self._part)

    def _finish_parts(self) -> None:
        if self._buffer:
            self._write(self._buffer)
            self._buffer = []
        if self._part:
            self._finish_part(self._part)
        elif not self._publication.has_parts and self._format.stores_schema:
            self._finish_part(LocalFile(self._format, self._layout.columns))

    def _finish_part(self, part: LocalFile) -> None:
        self._publication.add_part(part.complete(), self._format.suffix)
        part.discard()
        self._part = None
