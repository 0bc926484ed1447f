"""The list of file formats."""

from __future__ import annotations

from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.sinks.files.csv import Csv
from airflow_provider_hvsms.sinks.files.format import FileFormat
from airflow_provider_hvsms.sinks.files.jsonl import JsonLines
from airflow_provider_hvsms.sinks.files.parquet import Parquet

_CLASSES: tuple[type[FileFormat], ...] = (
    JsonLines,
    Csv,
    Parquet,
)
_BY_NAME = {file_format.name: file_format for file_format in _CLASSES}

FORMATS = tuple(_BY_NAME)
"""The names of all formats."""

SUFFIXES = frozenset(suffix for file_format in _CLASSES for suffix in file_format.suffixes.values())
"""The suffixes of all files that any format writes."""


def find_format(name: str, compression: str | None) -> FileFormat:
    """The format of that name, once it is known to work in this installation.

    :param name: one of `FORMATS`.
    :param compression: `gzip` or `none` for `jsonl` (default `gzip`) and `csv` (default `none`); for `parquet` a codec
        of pyarrow, or `none` (default `snappy`). `None` for the default.
    :raises InvalidRequest: there is no such format, or it has no such compression.
    :raises MissingPackage: the format needs a package that is not installed.
    """
    check_choice("format", name, FORMATS)
    return _BY_NAME[name](compression)
