"""Phone numbers of some rows of a Delta table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow_provider_hvsms.sinks.delta.data_files import DataFile
from airflow_provider_hvsms.sinks.delta.folder import DeltaFolder
from airflow_provider_hvsms.sinks.personal_data_check import SAMPLE_ROWS, Numbers

_MAX_FILES = 5
"""Data files that are opened for a sample. The first one is enough, unless it has no rows or lacks the columns."""


class NumberSample:
    """A `Sample` of a table, read from its data files.

    :param names: the columns that hold numbers.
    :param files: those of the table; the first ones are looked at.
    """

    def __init__(self, folder: DeltaFolder, names: Sequence[str], files: Sequence[DataFile], arrow: Any) -> None:
        self._folder = folder
        self._names = names
        self._files = files
        self._arrow = arrow

    def __call__(self, *, with_numbers: bool) -> Sequence[Numbers]:
        for file in self._files if with_numbers else self._files[:_MAX_FILES]:
            for rows in self._batches(file):
                if with_numbers:
                    rows = [row for row in rows if any(value is not None for value in row)]
                if rows:
                    return rows
        return ()

    def _batches(self, file: DataFile) -> Iterator[list[Numbers]]:
        with self._folder.opened(file.path) as remote:
            parquet = self._arrow.parquet.ParquetFile(remote)
            names = [name for name in self._names if name in parquet.schema_arrow.names]
            if names:
                for batch in parquet.iter_batches(batch_size=SAMPLE_ROWS, columns=names, use_threads=False):
                    yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
