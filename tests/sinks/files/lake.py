"""What tests of files share: messages as rows, folders in several stores, and a look into them."""

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

from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.sinks.files.sink import FileSink, open_files
from airflow_provider_hvsms.sinks.schema import MESSAGES, Row

_LOAD = re.compile(r"^part-\d{6}-[0-9a-f]{8}-")

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LOADED_AT = NOON + timedelta(days=1)

# Airflow 2 and 3 keep it in different places, but both beside the path.
attach = sys.modules[ObjectStoragePath.__module__].attach


def message(number: int, **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": str(number),
        "creation_time": NOON + timedelta(seconds=number, microseconds=436491),
        "last_modified_time": NOON + timedelta(minutes=number),
        "from_number": "+16505550100",
        "to": ("+16501112222", "+16503334444"),
        "direction": "Outbound",
        "message_status": "Sent",
        "segment_count": 1,
        "cost": Decimal("0.0070"),
    }
    return Message(**{**fields, **changes})


def row(number: int, **changes: Any) -> Row:
    return MESSAGES.rows([message(number, **changes)], LOADED_AT)[0]


def rows(count: int) -> list[Row]:
    return [row(number) for number in range(count)]


def reject(number: int) -> Row:
    return (f"print-{number}", f'{{"id": {number}}}', "`creationTime` is missing", LOADED_AT)


def load(path: ObjectStoragePath, rows: list[Row], *, rejects: list[Row] | None = None, **options: Any) -> None:
    """A whole load."""
    with opened(path, **options) as sink:
        sink.add(rows, rejects or [])
        sink.finish({"rows": len(rows)})


@contextmanager
def opened(path: ObjectStoragePath, *, format: str = "jsonl", **options: Any) -> Iterator[FileSink]:  # noqa: A002 - as open_files
    with open_files(path, MESSAGES, format=format, **options) as sink:
        yield sink


def stored(path: ObjectStoragePath) -> dict[str, bytes]:
    """The files of a folder by name, hidden ones too."""
    path.fs.invalidate_cache()
    files = path.fs.ls(path.path, detail=True)
    return {file["name"].rpartition("/")[2]: path.fs.cat_file(file["name"]) for file in files if file["type"] == "file"}


def contents(path: ObjectStoragePath) -> dict[str, bytes]:
    """The files of a folder that readers see, by name without the load's id."""
    visible = {name: file for name, file in stored(path).items() if not name.startswith(".hvsms-")}
    found = {_LOAD.sub("part-", name): file for name, file in visible.items()}
    assert len(found) == len(visible), f"parts of several loads: {sorted(visible)}"
    return found


def names(path: ObjectStoragePath) -> list[str]:
    return sorted(contents(path))


def objects(file: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file, unpacked if it is packed; numbers with a point as `Decimal`."""
    unpacked = gzip.decompress(file) if file.startswith(b"\x1f\x8b") else file
    return [json.loads(line, parse_float=Decimal) for line in unpacked.splitlines()]


def ids(path: ObjectStoragePath) -> list[str]:
    """The ids in all JSON Lines parts of a folder, in order."""
    found = sorted(contents(path).items())
    return [line["id"] for name, file in found if name.startswith("part-") for line in objects(file)]
