"""The base class of the file formats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, ClassVar, Protocol

from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.sinks.schema import Column, Row

Encoder = Callable[[Sequence[Row]], bytes]


class RowWriter(Protocol):
    """Writes rows to one file."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write one or more rows."""

    def close(self) -> None:
        """Write what is buffered and the end of the format; the file stays open."""


class FileFormat(ABC):
    """A file format with one of its compressions.

    A new format subclasses this in a file of its own and is added to the list in `registry.py`. The same rows, written
    in the same blocks, must give the same bytes.

    :param compression: one of the keys of `suffixes`; `None` for `default_compression`.
    :raises InvalidRequest: the format has no such compression.
    :raises MissingPackage: the format or the compression needs a package that is not installed.
    """

    name: ClassVar[str]
    """What users pass as `format`."""
    suffixes: ClassVar[Mapping[str, str]]
    """The suffix of a file for each compression."""
    default_compression: ClassVar[str]
    rows_per_block: ClassVar[int]
    """Rows passed to each `RowWriter.write`, except for the last block of a file."""
    stores_schema: ClassVar[bool]
    """Whether a file without rows holds the columns with their types, which makes it worth writing."""

    def __init__(self, compression: str | None = None) -> None:
        compression = compression or self.default_compression
        check_choice("compression", compression, tuple(self.suffixes))
        self.compression = compression

    @property
    def suffix(self) -> str:
        return self.suffixes[self.compression]

    @abstractmethod
    def open_writer(self, file: IO[bytes], columns: Sequence[Column]) -> RowWriter:
        """Start a file; each row holds one value for each column."""

    @abstractmethod
    def chunk_encoder(self, columns: Sequence[Column]) -> Encoder:
        """A function that encodes any number of rows as a chunk, which `write_chunks` reads."""

    @abstractmethod
    def write_chunks(self, file: IO[bytes], columns: Sequence[Column], chunks: Iterable[bytes]) -> None:
        """Write a whole file of the rows in some chunks. Where one chunk ends and the next begins changes no byte."""
