"""CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from airflow_provider_hvsms.sinks.files.format import Encoder
from airflow_provider_hvsms.sinks.files.text import TextFormat, as_iso
from airflow_provider_hvsms.sinks.schema import Column, ColumnType, Row


class Csv(TextFormat):
    r"""A header, then one line per row, in UTF-8 without a byte order mark.

    Lines end with `\n`; otherwise as in RFC 4180. Text is always quoted: this distinguishes an empty text (`""`) from
    a missing value (an empty field), and keeps readers from parsing an id as a number. Times are ISO 8601 in UTC with
    `Z`, decimals have all their digits and no exponent.
    """

    name = "csv"
    suffixes: ClassVar = {"gzip": ".csv.gz", "none": ".csv"}
    default_compression = "none"

    def _header(self, columns: Sequence[Column]) -> bytes:
        return ",".join(column.name for column in columns).encode() + b"\n"

    def _encoder(self, columns: Sequence[Column]) -> Encoder:
        formatters = [_FORMATTERS[column.type] for column in columns]

        def encode(rows: Sequence[Row]) -> bytes:
            # Column by column takes half the time of row by row.
            fields = [
                ["" if value is None else format_value(value) for value in values]
                for format_value, values in zip(formatters, zip(*rows, strict=True), strict=True)
            ]
            return "".join(f"{','.join(line)}\n" for line in zip(*fields, strict=True)).encode()

        return encode


def _quote(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


_FORMATTERS: dict[ColumnType, Callable[[Any], str]] = {
    ColumnType.ID: _quote,
    ColumnType.TEXT: _quote,
    ColumnType.JSON: _quote,
    ColumnType.INTEGER: str,
    ColumnType.DECIMAL: "{:f}".format,
    ColumnType.TIMESTAMP: as_iso,
}
