"""Rows as Arrow's record batches, for Parquet and Delta Lake."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from airflow_provider_hvsms.api.errors import ValueDoesNotFit
from airflow_provider_hvsms.sinks.schema import Column, ColumnType, Row

_PRECISION, _SCALE = 18, 6
_ROUNDING = decimal.Context(prec=_PRECISION, rounding=decimal.ROUND_HALF_EVEN)
_SMALLEST_STEP = Decimal(1).scaleb(-_SCALE)


class RecordBatches:
    """Makes record batches of rows.

    Columns are `string`, `int64`, `decimal128(18, 6)` and `timestamp[us, UTC]`, all of them nullable. Decimals with
    more than six decimal places are rounded half to even.
    """

    def __init__(self, columns: Sequence[Column], arrow: Any) -> None:
        self._arrow = arrow
        self._columns = columns
        self.schema = arrow.schema([(column.name, arrow_type(column.type, arrow)) for column in columns])

    def of_rows(self, rows: Sequence[Row]) -> Any:
        """A record batch of one or more rows.

        :raises ValueDoesNotFit: naming the column.
        """
        values = zip(*rows, strict=True)
        arrays = [self._array(*column) for column in zip(self._columns, self.schema.types, values, strict=True)]
        return self._arrow.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _array(self, column: Column, arrow_type: Any, values: Sequence[Any]) -> Any:
        try:
            if column.type is ColumnType.DECIMAL:
                values = [None if value is None else _ROUNDING.quantize(value, _SMALLEST_STEP) for value in values]
            return self._arrow.array(values, arrow_type)
        except (decimal.InvalidOperation, OverflowError, ValueError):
            # Without the cause, whose message may contain the value.
            raise ValueDoesNotFit(
                f"A value of column {column.name!r} does not fit into Arrow's {arrow_type}. "
                "Files of the formats 'jsonl' and 'csv' have no such limit."
            ) from None


def arrow_type(column_type: ColumnType, arrow: Any) -> Any:
    """The Arrow type of a column."""
    match column_type:
        case ColumnType.INTEGER:
            return arrow.int64()
        case ColumnType.DECIMAL:
            return arrow.decimal128(_PRECISION, _SCALE)
        case ColumnType.TIMESTAMP:
            return arrow.timestamp("us", "UTC")
        case _:
            return arrow.string()
