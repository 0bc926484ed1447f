"""Rows of many partitions at once, most of them in local files.

The memory and the number of open files have a limit, however many partitions there are.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from airflow_provider_hvsms.sinks.files.format import FileFormat
from airflow_provider_hvsms.sinks.schema import Column, Row

_MAX_ROWS_IN_MEMORY = 10_000
_MAX_FILES = 32


class RowSpool:
    """Collects the rows of each partition until its next file is complete.

    :param file_format: the format of the files; also encodes the rows in the meantime.
    """

    def __init__(self, file_format: FileFormat, columns: Sequence[Column]) -> None:
        self._format = file_format
        self._columns = columns
        self._encode = file_format.chunk_encoder(columns)
        self._buffers: defaultdict[str, list[Row]] = defaultdict(list)
        self._in_memory = 0
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._chunks: defaultdict[str, list[_Chunk]] = defaultdict(list)
        self._files: list[_ChunkFile] = []
        self._file_of: dict[str, _ChunkFile] = {}

    def add(self, partition: str, rows: Sequence[Row]) -> None:
        self._buffers[partition] += rows
        self._counts[partition] += len(rows)
        self._in_memory += len(rows)
        if self._in_memory >= _MAX_ROWS_IN_MEMORY:
            for name in list(self._buffers):
                self._chunks[name].append(self._assigned_file(name).append(self._encode(self._buffers.pop(name))))
            self._in_memory = 0

    def count(self, partition: str) -> int:
        """Rows of a partition that were added since its last file."""
        return self._counts[partition]

    def write(self, partition: str, file: IO[bytes]) -> None:
        """Write the rows of a partition as one file, and forget them."""
        self._format.write_chunks(file, self._columns, self._take(partition))
        self._counts[partition] = 0

    def discard(self) -> None:
        """Close the files, which have no name, so that they are gone."""
        for file in self._files:
            file.close()

    def _take(self, partition: str) -> Iterator[bytes]:
        for chunk in self._chunks.pop(partition, ()):
            yield self._file_of[partition].take(chunk)
        if rows := self._buffers.pop(partition, None):
            self._in_memory -= len(rows)
            yield self._encode(rows)

    def _assigned_file(self, partition: str) -> _ChunkFile:
        if partition not in self._file_of:
            number = len(self._file_of)
            if number < _MAX_FILES:
                self._files.append(_ChunkFile())
            self._file_of[partition] = self._files[number % _MAX_FILES]
        return self._file_of[partition]


class _Chunk(NamedTuple):
    offset: int
    size: int


class _ChunkFile:
    """A local file without a name, to which chunks are appended. It is emptied once all of them were taken."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close
        self._end = 0
        self._chunks = 0

    def append(self, content: bytes) -> _Chunk:
        chunk = _Chunk(self._end, len(content))
        self._file.seek(self._end)
        self._file.write(content)
        self._file.flush()
        self._end += chunk.size
        self._chunks += 1
        return chunk

    def take(self, chunk: _Chunk) -> bytes:
        content = os.pread(self._file.fileno(), chunk.size, chunk.offset)
        self._chunks -= 1
        if not self._chunks:
            self._file.truncate(0)
            self._end = 0
        return content

    def close(self) -> None:
        self._file.close()
