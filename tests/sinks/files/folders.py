"""Loads into folders, and the contents of folders."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sinks.files.partitioned_sink import PartitionedSink, open_partitions
from airflow_provider_hvsms.sinks.files.sink import FileSink, open_files
from airflow_provider_hvsms.sinks.schema import MESSAGES, Row

FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = [f"creation_day=2026-11-0{number}" for number in range(1, 10)]
_LOAD = re.compile(r"^part-\d{6}-[0-9a-f]{8}-")

# In a different module in Airflow 2 and 3, but always that of the path.
attach = sys.modules[ObjectStoragePath.__module__].attach


@contextmanager
def open_sink(
    path: ObjectStoragePath,
    *,
    format: str = "jsonl",  # noqa: A002 - as open_files
    **options: Any,
) -> Iterator[FileSink]:
    with open_files(path, MESSAGES, format=format, **options) as sink:
        yield sink


def load(path: ObjectStoragePath, rows: list[Row], *, rejects: list[Row] | None = None, **options: Any) -> None:
    """Load the rows from start to finish."""
    with open_sink(path, **options) as sink:
        sink.add(rows, rejects or [])
        sink.finish({"rows": len(rows)})


@contextmanager
def open_lake(
    path: ObjectStoragePath,
    days: int | Window,
    *,
    format: str = "jsonl",  # noqa: A002 - as open_partitions
    partition_by: str = "day",
    **options: Any,
) -> Iterator[PartitionedSink]:
    """Open a lake for a window, or for so many days from that of the sample rows on."""
    window = days if isinstance(days, Window) else Window(FIRST_DAY, FIRST_DAY + timedelta(days=days))
    with open_partitions(path, MESSAGES, window=window, partition_by=partition_by, format=format, **options) as sink:
        yield sink


def load_lake(
    path: ObjectStoragePath, days: int | Window, rows: list[Row], *, rejects: list[Row] | None = None, **options: Any
) -> None:
    """Load the rows from start to finish, and say that they had come in two pages."""
    with open_lake(path, days, **options) as sink:
        sink.add(rows, rejects or [])
        sink.finish({"rows": len(rows), "pages": 2, "rejected": len(rejects or [])})


def subfolders(path: ObjectStoragePath) -> list[str]:
    """The names of the folders in a folder."""
    path.fs.invalidate_cache()
    found = path.fs.ls(path.path, detail=True)
    return sorted(entry["name"].rpartition("/")[2] for entry in found if entry["type"] == "directory")


def put_files(path: ObjectStoragePath, *names: str) -> None:
    """Write small files into a folder."""
    path.fs.makedirs(path.path, exist_ok=True)
    for name in names:
        path.fs.pipe_file(f"{path.path}/{name}", b"content")


def all_files(path: ObjectStoragePath) -> dict[str, bytes]:
    """The contents of a folder's files by name, hidden ones included."""
    path.fs.invalidate_cache()
    files = path.fs.ls(path.path, detail=True)
    return {file["name"].rpartition("/")[2]: path.fs.cat_file(file["name"]) for file in files if file["type"] == "file"}


def visible_files(path: ObjectStoragePath) -> dict[str, bytes]:
    """The contents of the files that readers see, by name without the load's id."""
    visible = {name: file for name, file in all_files(path).items() if not name.startswith(".hvsms-")}
    found = {_LOAD.sub("part-", name): file for name, file in visible.items()}
    assert len(found) == len(visible), f"parts of several loads: {sorted(visible)}"
    return found


def visible_names(path: ObjectStoragePath) -> list[str]:
    return sorted(visible_files(path))


def temporary_names(path: ObjectStoragePath) -> list[str]:
    """The names of files that are hidden until they are published."""
    return [name for name in all_files(path) if name.endswith(".draft")]


def parse_jsonl(file: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file, compressed or not; numbers with decimal places as `Decimal`."""
    lines = gzip.decompress(file) if file.startswith(b"\x1f\x8b") else file
    return [json.loads(line, parse_float=Decimal) for line in lines.splitlines()]


def ids(path: ObjectStoragePath) -> list[str]:
    """The ids in all JSON Lines parts of a folder, in order."""
    found = sorted(visible_files(path).items())
    return [line["id"] for name, file in found if name.startswith("part-") for line in parse_jsonl(file)]
