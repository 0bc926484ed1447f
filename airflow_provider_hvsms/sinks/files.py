"""Rows into a folder of files: parts that appear whole, and `_SUCCESS` when all of them are there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sinks.folders import Folder
from airflow_provider_hvsms.sinks.formats import FileFormat, JsonLines, find_format
from airflow_provider_hvsms.sinks.rows import REJECTS, Column, Layout, Row

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

_SUCCESS = "_SUCCESS"
_REJECTS = "rejects.jsonl"
_PART = re.compile(r"part-\d{5,}\.(jsonl|csv|parquet)(\.gz)?")


@contextmanager
def open_files(
    path: ObjectStoragePath,
    layout: Layout[Any],
    *,
    format: str,  # noqa: A002 - the name that users know
    compression: str | None = None,
    rows_per_part: int = 100_000,
) -> Iterator[FileSink]:
    """Begin to write the rows of one load into a folder of its own.

    The format, its packages and the folder are checked before the block is entered. An old `_SUCCESS` is removed
    then, so that no reader takes a folder that is half replaced for complete; the old parts stay until new ones take
    their names, or `finish` removes them. A block that is left without `finish` leaves no `_SUCCESS`.

    :param path: the folder; all `part-*` files, `rejects.jsonl` and `_SUCCESS` in it belong to the load. Two loads
        must not write to one folder at once.
    :param format: `jsonl`, `csv` or `parquet`.
    :param compression: `None` for the format's default: `gzip` for `jsonl`, `none` for `csv`, `snappy` inside
        `parquet`. `gzip` or `none` for the first two, a codec that pyarrow knows for the last.
    :param rows_per_part: rows a file, at most. A part is kept on the local disk until it is complete; its upload may
        hold it in memory, which is a reason to take fewer where texts are long and not packed.
    :raises InvalidRequest: an argument is not acceptable.
    :raises MissingPackage: the format needs a package that is not there.
    :raises UnusableFolder: files cannot be written here, and time will not change that.
    :raises FolderUnavailable: the store did not answer, or not well.
    """
    if not isinstance(rows_per_part, int) or rows_per_part < 1:
        raise InvalidRequest(f"rows_per_part is {rows_per_part!r}; it must be a whole number, at least 1.")
    file_format = find_format(format, compression)
    folder = Folder(path)
    folder.prepare()
    folder.remove(lambda name: name == _SUCCESS)
    sink = FileSink(folder, layout, file_format, rows_per_part)
    try:
        yield sink
    finally:
        sink.discard()


class FileSink:
    """Takes rows and writes them as `part-00000`, `part-00001`, …: the same rows give the same files.

    A part appears when it is full. Rows go into it in blocks of a fixed size, however they were added, because the
    bytes of gzip and Parquet depend on that.
    """

    def __init__(self, folder: Folder, layout: Layout[Any], file_format: FileFormat, rows_per_part: int) -> None:
        self._folder = folder
        self._layout = layout
        self._format = file_format
        self._rows_per_part = rows_per_part
        self._waiting: list[Row] = []
        self._part: _Draft | None = None
        self._rejects: _Draft | None = None
        self._published: list[str] = []

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
        """Complete the folder: the last part, `rejects.jsonl` if there are any, and last `_SUCCESS`.

        What an earlier run left is removed, of another format too. Without rows there is no part, except for
        Parquet: one file without rows, whose schema readers need.

        :param summary: written into `_SUCCESS` as JSON.
        """
        self._finish_parts()
        if self._rejects:
            self._publish(self._rejects, _REJECTS)
        self._folder.remove(self._is_stale)
        with tempfile.TemporaryFile() as file:
            file.write(msgspec.json.encode(dict(summary), enc_hook=str) + b"\n")
            self._folder.put(_SUCCESS, file)

    def discard(self) -> None:
        """Give up what is not published yet; nothing to do after `finish`."""
        for draft in (self._part, self._rejects):
            if draft:
                draft.discard()

    @property
    def _block_size(self) -> int:
        rows = self._part.rows if self._part else 0
        return min(self._format.rows_per_block, self._rows_per_part - rows)

    def _write(self, rows: Sequence[Row]) -> None:
        self._part = self._part or _Draft(self._format, self._layout.columns)
        self._part.write(rows)
        if self._part.rows == self._rows_per_part:
            self._publish_part(self._part)

    def _finish_parts(self) -> None:
        if self._waiting:
            self._write(self._waiting)
            self._waiting = []
        if self._part:
            self._publish_part(self._part)
        elif not self._published and self._format.is_readable_without_rows:
            self._publish_part(_Draft(self._format, self._layout.columns))

    def _publish_part(self, part: _Draft) -> None:
        self._publish(part, f"part-{len(self._published):05}{self._format.suffix}")
        self._part = None

    def _publish(self, draft: _Draft, name: str) -> None:
        draft.publish(self._folder, name)
        self._published.append(name)

    def _is_stale(self, name: str) -> bool:
        return name not in self._published and (name == _REJECTS or bool(_PART.fullmatch(name)))


class _Draft:
    """A file in the making. It has no name on the local disk, so that not even a killed process leaves it there."""

    def __init__(self, file_format: FileFormat, columns: Sequence[Column]) -> None:
        self.rows = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by publish or discard
        self._writer = file_format.writer(self._file, columns)

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.write(rows)
        self.rows += len(rows)

    def publish(self, folder: Folder, name: str) -> None:
        self._writer.close()
        folder.put(name, self._file)
        self._file.close()

    def discard(self) -> None:
        if not self._file.closed:
            with suppress(OSError):  # a full disk
                self._writer.close()
            self._file.close()
