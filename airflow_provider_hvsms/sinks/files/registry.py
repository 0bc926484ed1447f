"""Rows as bytes: JSON Lines, CSV, Parquet."""

from __future__ import annotations

import gzip
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import IO, Any, Protocol

import msgspec

from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.sinks.schema import Column, ColumnType, Row

FORMATS = ("jsonl", "csv", "parquet")

_GZIP_LEVEL = 6
"""The default of the `gzip` command."""


class RowWriter(Protocol):
    """Writes rows into one file."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write some rows, at least one."""

    def close(self) -> None:
        """Write what is left to write; the file stays open."""


class FileFormat(ABC):
    """How rows become the bytes of a file.

    The same rows give the same bytes, if they are written in the same blocks.
    """

    suffix: str
    rows_per_block: int
    """Rows to write at once."""
    is_readable_without_rows: bool
    """Whether a file without rows still tells its readers the columns and their types."""

    @abstractmethod
    def writer(self, file: IO[bytes], columns: Sequence[Column]) -> RowWriter:
        """Begin a file."""


def find_format(name: str, compression: str | None) -> FileFormat:
    """The format of that name, checked to be usable here.

    :param name: one of `FORMATS`.
    :param compression: `None` for the format's default. `gzip` (default of `jsonl`) or `none` (default of `csv`);
        for `parquet` a codec inside the file, `snappy` by default.
    :raises InvalidRequest: there is no such format or compression.
    :raises MissingPackage: Parquet is asked for, and pyarrow is not installed.
    """
    check_choice("format", name, FORMATS)
    if name == "parquet":
        from airflow_provider_hvsms.sinks.files.parquet import Parquet

        return Parquet(compression or "snappy")
    kind = JsonLines if name == "jsonl" else Csv
    compression = compression or kind.default_compression
    check_choice("compression", compression, ("gzip", "none"))
    return kind(compressed=compression == "gzip")


class _Text(FileFormat):
    default_compression: str
    rows_per_block = 1_000
    is_readable_without_rows = False

    def __init__(self, *, compressed: bool) -> None:
        self._compressed = compressed
        if compressed:
            self.suffix = f"{self.suffix}.gz"

    def writer(self, file: IO[bytes], columns: Sequence[Column]) -> RowWriter:
        return _TextWriter(file, self._encoder(columns), header=self._header(columns), compressed=self._compressed)

    def _header(self, columns: Sequence[Column]) -> bytes:
        return b""

    @abstractmethod
    def _encoder(self, columns: Sequence[Column]) -> Callable[[Sequence[Row]], bytes]: ...


class JsonLines(_Text):
    """One object a row with the columns' names, UTF-8.

    Times are ISO 8601 in UTC with `Z`, money is a number with all its digits, nothing is `null`.
    """

    suffix = ".jsonl"
    default_compression = "gzip"

    def _encoder(self, columns: Sequence[Column]) -> Callable[[Sequence[Row]], bytes]:
        line = msgspec.defstruct("Line", [(column.name, Any) for column in columns], gc=False)
        encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_as_iso)
        return lambda rows: encoder.encode_lines([line(*row) for row in rows])


class Csv(_Text):
    r"""A header, then one line a row, ended by `\n`; RFC 4180 in all else, UTF-8 without a byte order mark.

    Text stands always in quotes, so that an empty one (`""`) differs from nothing (an empty field) and an id stays
    text. Times are ISO 8601 in UTC with `Z`, money has all its digits and no exponent.
    """

    suffix = ".csv"
    default_compression = "none"

    def _header(self, columns: Sequence[Column]) -> bytes:
        return ",".join(column.name for column in columns).encode() + b"\n"

    def _encoder(self, columns: Sequence[Column]) -> Callable[[Sequence[Row]], bytes]:
        as_fields = [_AS_FIELD[column.type] for column in columns]

        def encode(rows: Sequence[Row]) -> bytes:
            # Column by column, which takes half the time of row by row.
            fields = [
                ["" if value is None else as_field(value) for value in values]
                for as_field, values in zip(as_fields, zip(*rows, strict=True), strict=True)
            ]
            return "".join(f"{','.join(line)}\n" for line in zip(*fields, strict=True)).encode()

        return encode


class _TextWriter:
    def __init__(
        self, file: IO[bytes], encode: Callable[[Sequence[Row]], bytes], *, header: bytes, compressed: bool
    ) -> None:
        self._encode = encode
        # Neither a time nor a file name goes into the header, so that the same rows give the same bytes.
        self._gzip = gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) if compressed else None
        self._stream = self._gzip or file
        self._stream.write(header)

    def write(self, rows: Sequence[Row]) -> None:
        self._stream.write(self._encode(rows))

    def close(self) -> None:
        if self._gzip:
            self._gzip.close()


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _as_iso(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


_AS_FIELD: dict[ColumnType, Callable[[Any], str]] = {
    ColumnType.ID: _quoted,
    ColumnType.TEXT: _quoted,
    ColumnType.JSON: _quoted,
    ColumnType.INTEGER: str,
    ColumnType.DECIMAL: "{:f}".format,
    ColumnType.TIMESTAMP: _as_iso,
}
