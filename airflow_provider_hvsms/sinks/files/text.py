"""What the text formats share: lines, optionally compressed with gzip."""

from __future__ import annotations

import gzip
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO

from airflow_provider_hvsms.sinks.files.format import Encoder, FileFormat, RowWriter
from airflow_provider_hvsms.sinks.schema import Column, Row

_GZIP_LEVEL = 6
"""The default of the `gzip` command."""
_BLOCK_SIZE = 1 << 18


class TextFormat(FileFormat):
    """A format whose rows are encoded independently of each other; its compressions are `gzip` and `none`."""

    rows_per_block = 1_000
    stores_schema = False

    def open_writer(self, file: IO[bytes], columns: Sequence[Column]) -> RowWriter:
        return self._open_text(file, columns)

    def chunk_encoder(self, columns: Sequence[Column]) -> Encoder:
        return self._encoder(columns)

    def write_chunks(self, file: IO[bytes], columns: Sequence[Column], chunks: Iterable[bytes]) -> None:
        writer = self._open_text(file, columns)
        for block in _in_blocks(chunks):
            writer.write_bytes(block)
        writer.close()

    def _open_text(self, file: IO[bytes], columns: Sequence[Column]) -> _TextWriter:
        writer = _TextWriter(file, self._encoder(columns), compressed=self.compression == "gzip")
        writer.write_bytes(self._header(columns))
        return writer

    def _header(self, columns: Sequence[Column]) -> bytes:
        return b""

    @abstractmethod
    def _encoder(self, columns: Sequence[Column]) -> Encoder: ...


class _TextWriter:
    def __init__(self, file: IO[bytes], encode: Encoder, *, compressed: bool) -> None:
        self._encode = encode
        # The gzip header holds neither a time nor a file name, so that the same rows give the same bytes.
        self._gzip = gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) if compressed else None
        self._stream = self._gzip or file

    def write(self, rows: Sequence[Row]) -> None:
        self.write_bytes(self._encode(rows))

    def write_bytes(self, content: bytes) -> None:
        self._stream.write(content)

    def close(self) -> None:
        if self._gzip:
            self._gzip.close()


def _in_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of all chunks, in blocks of a fixed size: the bytes of gzip can depend on it."""
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        while len(pending) >= _BLOCK_SIZE:
            yield bytes(pending[:_BLOCK_SIZE])
            del pending[:_BLOCK_SIZE]
    yield bytes(pending)


def as_iso(value: datetime) -> str:
    """Format a time in UTC as ISO 8601, with `Z`."""
    return value.isoformat().replace("+00:00", "Z")
