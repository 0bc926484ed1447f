"""Rows as Parquet, with real types; needs pyarrow."""

from __future__ import annotations

import decimal
import importlib
from collections.abc import Sequence
from decimal import Decimal
from typing import IO, Any

from airflow_provider_hvsms.api.errors import MissingPackage, ValueDoesNotFit
from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.sinks.files.registry import FileFormat, RowWriter
from airflow_provider_hvsms.sinks.schema import Column, ColumnType, Row

_CODECS = ("snappy", "gzip", "brotli", "zstd", "lz4", "none")
_MONEY = decimal.Context(prec=18, rounding=decimal.ROUND_HALF_EVEN)
_MONEY_STEP = Decimal("0.000001")


class Parquet(FileFormat):
    """`string`, `int64`, `decimal128(18, 6)`, `timestamp[us, UTC]`; every column may be null.

    Money with more than six digits behind the point is rounded half to even.

    :param codec: compresses the pages inside the file; `none`: not at all.
    """

    suffix = ".parquet"
    rows_per_block = 10_000
    """The rows of a row group."""
    is_readable_without_rows = True

    def __init__(self, codec: str) -> None:
        check_choice("compression", codec, _CODECS)
        arrow, _ = _import("pyarrow"), _import("pyarrow.parquet")
        if codec != "none" and not arrow.Codec.is_available(codec):
            raise MissingPackage(f"compression is {codec!r}, which the installed pyarrow was built without.")
        self._codec = codec

    def writer(self, file: IO[bytes], columns: Sequence[Column]) -> RowWriter:
        return _ParquetWriter(file, columns, self._codec)


class _ParquetWriter:
    def __init__(self, file: IO[bytes], columns: Sequence[Column], codec: str) -> None:
        self._arrow = _import("pyarrow")
        self._columns = columns
        self._schema = self._arrow.schema([(column.name, _type_of(column.type, self._arrow)) for column in columns])
        self._writer = _import("pyarrow.parquet").ParquetWriter(file, self._schema, compression=codec)

    def write(self, rows: Sequence[Row]) -> None:
        values = zip(*rows, strict=True)
        arrays = [self._array(*column) for column in zip(self._columns, self._schema.types, values, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()

    def _array(self, column: Column, type_: Any, values: Sequence[Any]) -> Any:
        try:
            if column.type is ColumnType.DECIMAL:
                values = [None if value is None else _MONEY.quantize(value, _MONEY_STEP) for value in values]
            return self._arrow.array(values, type_)
        except (decimal.InvalidOperation, OverflowError, ValueError):
            # The cause is left out: it may hold the value.
            raise ValueDoesNotFit(
                f"A value of column {column.name!r} does not fit into Parquet's {type_}. "
                "The formats 'jsonl' and 'csv' hold it as it is."
            ) from None


def _type_of(column_type: ColumnType, arrow: Any) -> Any:
    match column_type:
        case ColumnType.INTEGER:
            return arrow.int64()
        case ColumnType.DECIMAL:
            return arrow.decimal128(18, 6)
        case ColumnType.TIMESTAMP:
            return arrow.timestamp("us", "UTC")
        case _:
            return arrow.string()


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingPackage(
            "format is 'parquet', which needs pyarrow: pip install 'airflow-provider-hvsms[parquet]'."
        ) from None
