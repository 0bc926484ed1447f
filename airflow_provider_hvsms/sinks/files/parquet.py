"""Parquet, written with pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, ClassVar

from airflow_provider_hvsms.api.errors import MissingPackage
from airflow_provider_hvsms.sinks.files.format import Encoder, FileFormat, RowWriter
from airflow_provider_hvsms.sinks.record_batches import RecordBatches
from airflow_provider_hvsms.sinks.schema import Column, Row


class Parquet(FileFormat):
    """Columns of type `string`, `int64`, `decimal128(18, 6)` and `timestamp[us, UTC]`, all of them nullable.

    Decimals with more than six decimal places are rounded half to even. The compression is that of the pages inside
    the file. A block of rows becomes a row group.
    """

    name = "parquet"
    suffixes: ClassVar = dict.fromkeys(("snappy", "gzip", "brotli", "zstd", "lz4", "none"), ".parquet")
    default_compression = "snappy"
    rows_per_block = 10_000
    stores_schema = True

    def __init__(self, compression: str | None = None) -> None:
        super().__init__(compression)
        self._arrow = _import_pyarrow()
        if self.compression != "none" and not self._arrow.Codec.is_available(self.compression):
            raise MissingPackage(
                f"compression is {self.compression!r}, which the installed pyarrow was built without. "
                "Choose another compression, or install a pyarrow that supports this one."
            )

    def open_writer(self, file: IO[bytes], columns: Sequence[Column]) -> RowWriter:
        return self._open_parquet(file, columns)

    def chunk_encoder(self, columns: Sequence[Column]) -> Encoder:
        batches = RecordBatches(columns, self._arrow)
        return lambda rows: bytes(batches.of_rows(rows).serialize())

    def write_chunks(self, file: IO[bytes], columns: Sequence[Column], chunks: Iterable[bytes]) -> None:
        writer = self._open_parquet(file, columns)
        schema = writer.batches.schema
        batches = (self._arrow.ipc.read_record_batch(self._arrow.py_buffer(chunk), schema) for chunk in chunks)
        for table in _in_tables(batches, self.rows_per_block, self._arrow):
            writer.write_table(table)
        writer.close()

    def _open_parquet(self, file: IO[bytes], columns: Sequence[Column]) -> _ParquetWriter:
        return _ParquetWriter(file, RecordBatches(columns, self._arrow), self.compression, self._arrow)


class _ParquetWriter:
    def __init__(self, file: IO[bytes], batches: RecordBatches, compression: str, arrow: Any) -> None:
        self._arrow = arrow
        self.batches = batches
        self._writer = arrow.parquet.ParquetWriter(file, batches.schema, compression=compression)

    def write(self, rows: Sequence[Row]) -> None:
        self.write_table(self._arrow.Table.from_batches([self.batches.of_rows(rows)]))

    def write_table(self, table: Any) -> None:
        """Write a row group."""
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()


def _in_tables(batches: Iterable[Any], rows: int, arrow: Any) -> Iterator[Any]:
    """All rows of the batches, in tables of a fixed number of rows and of one chunk: the bytes depend on both."""
    pending: list[Any] = []
    for batch in batches:
        pending.append(batch)
        while sum(map(len, pending)) >= rows:
            table = arrow.Table.from_batches(pending)
            yield table.slice(0, rows).combine_chunks()
            pending = table.slice(rows).to_batches()
    if pending:
        yield arrow.Table.from_batches(pending).combine_chunks()


def _import_pyarrow() -> Any:
    """Import pyarrow when Parquet is used, not before: it is an optional dependency and slow to import."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingPackage(
            "format is 'parquet', which needs pyarrow: pip install 'airflow-provider-hvsms[parquet]'."
        ) from None
    return pyarrow
