"""Recipients of a file in an object store or a file system, read line by line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

import msgspec

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.campaigns.recipient_rows import JSON, RecipientColumns, RecipientRow, RowReader
from airflow_provider_hvsms.sinks.files.folder import translated_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

MAX_LINE_LENGTH = 1_000_000
"""Bytes of one line; what is longer is no line of recipients, and would fill the memory."""

_BOM = b"\xef\xbb\xbf"


def read_file(path: ObjectStoragePath) -> Iterator[RecipientRow]:
    """The recipients of a file in UTF-8, in memory of constant size.

    Its name says what it is: `.jsonl` or `.ndjson`, one object or number a line; or `.csv`, with a header and commas.
    With `.gz` after it, it is decompressed. Empty lines are skipped. An empty field of CSV is null.

    :raises InvalidRequest: the name has another suffix, or a line is not what it says. It names the line.
    :raises UnusableFolder: the file does not exist, or may not be read.
    :raises FolderUnavailable: the store did not answer.
    """
    name = f"{path.protocol}://{path.path}" if path.protocol else path.path
    read = _reader_of(path.name, name)
    return _read(path, name, read)


def _read(path: Any, name: str, read: _Reader) -> Iterator[RecipientRow]:
    with (
        translated_errors(name, lost="Nothing was sent.", advice="Check that it exists and can be read."),
        ExitStack() as stack,
    ):
        file = stack.enter_context(path.open("rb"))
        if path.name.lower().endswith(".gz"):
            file = stack.enter_context(gzip.GzipFile(fileobj=file))
        try:
            yield from read(_lines(file, name), name)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise InvalidRequest(f"{name} is damaged: it cannot be decompressed. Nothing was sent.") from None


def _lines(file: IO[bytes], name: str) -> Iterator[str]:
    """The lines of a file, with their ends."""
    number = 0
    while line := file.readline(MAX_LINE_LENGTH):
        number += 1
        if len(line) == MAX_LINE_LENGTH:
            raise InvalidRequest(f"{name}, line {number:,} is longer than {MAX_LINE_LENGTH:,} bytes.")
        try:
            yield (line.removeprefix(_BOM) if number == 1 else line).decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"{name}, line {number:,} is not UTF-8. Save the file in that encoding.") from None


def _read_json_lines(lines: Iterable[str], name: str) -> Iterator[RecipientRow]:
    source = f"{name}, line"
    reader = RowReader(source)
    for number, line in enumerate(lines, start=1):
        if line.isspace() or not line:
            continue
        try:
            value = JSON.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise InvalidRequest(f"{source} {number:,} is not JSON. Nothing was sent.") from None
        yield reader.row(number, value)


def _read_csv(lines: Iterable[str], name: str) -> Iterator[RecipientRow]:
    source = f"{name}, line"
    reader = csv.reader(lines, strict=True)
    columns: RecipientColumns | None = None
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise InvalidRequest(f"{source} {number:,} is not CSV: {error}. Nothing was sent.") from None
        if fields is None:
            return
        if not fields:
            continue
        if columns is None:
            columns = RecipientColumns(fields, name)
        elif len(fields) != len(columns.names):
            raise InvalidRequest(
                f"{source} {number:,} has {len(fields):,} fields, and the header has {len(columns.names):,}. A text "
                'with commas needs quotes: "Hello, Ada".'
            )
        else:
            yield columns.row(source, number, (field or None for field in fields))


_Reader = Callable[[Iterable[str], str], Iterator[RecipientRow]]

_READERS: dict[str, _Reader] = {".jsonl": _read_json_lines, ".ndjson": _read_json_lines, ".csv": _read_csv}


def _reader_of(file_name: str, name: str) -> _Reader:
    plain_name = file_name.lower().removesuffix(".gz")
    for suffix, reader in _READERS.items():
        if plain_name.endswith(suffix):
            return reader
    raise InvalidRequest(f"{name} must end in {', '.join(_READERS)}, each perhaps followed by .gz.")
