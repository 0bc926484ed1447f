"""Prints how long it takes to write 300,000 messages to local files, and how much memory.

The floor is reading the same pages without decoding a record, and packing the records' own bytes with gzip at the
same level. That of Parquet by day is reading and decoding the same messages, making the same Arrow data of them, and
writing it into the same folders with `pyarrow.dataset.write_dataset`. Run it as `python tests/benchmarks/files.py`; it
starts a sandbox of its own and takes about three minutes.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import requests
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sandbox import Sandbox, Settings
from airflow_provider_hvsms.sinks.files.partitioned_sink import open_partitions
from airflow_provider_hvsms.sinks.files.registry import FORMATS
from airflow_provider_hvsms.sinks.files.sink import open_files
from airflow_provider_hvsms.sinks.schema import MESSAGES, ColumnType, Row, Sink

FEW, MANY = 30_000, 300_000
"""Messages."""
END = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 30
WINDOW = Window(END - timedelta(days=DAYS), END)
BY_DAY = "parquet by day"
RUNS = 2
"""The faster one counts: the other was disturbed."""
ALLOWED_RATIO = 2.0
ALLOWED_MEBIBYTES = 40


class RawPage(msgspec.Struct):
    """A page whose records stay bytes."""

    records: list[msgspec.Raw]
    paging: dict[str, object]


def main() -> int:
    settings = Settings(messages=MANY, days=DAYS, end=END, light=1_000_000, auth=1_000)
    with Sandbox(settings) as sandbox:
        floor = min(_measure(sandbox.url, "floor", MANY)[0] for _ in range(RUNS))
        print(f"{MANY:,} messages read, raw records packed: {floor:5.1f} s, the floor")
        passed = [_judge(sandbox.url, name, floor, ALLOWED_RATIO if name == "jsonl" else None) for name in FORMATS]
        floor = min(_measure(sandbox.url, "arrow", MANY)[0] for _ in range(RUNS))
        print(f"{MANY:,} messages read, Arrow data written by day with pyarrow: {floor:5.1f} s, the floor")
        passed.append(_judge(sandbox.url, BY_DAY, floor, ALLOWED_RATIO))
    return 0 if all(passed) else 1


def _judge(url: str, name: str, floor: float, allowed: float | None) -> bool:
    runs = [_measure(url, name, MANY) for _ in range(RUNS)]
    seconds, peak = min(seconds for seconds, _ in runs), max(peak for _, peak in runs)
    more = peak - _measure(url, name, FEW)[1]
    ratio = seconds / floor
    print(f"{name:>14}: {seconds:5.1f} s, {ratio:4.2f} of the floor ({allowed or 'any'} allowed); ", end="")
    print(f"{peak:5.1f} MiB at the most, {more:+.1f} against {FEW:,} ({ALLOWED_MEBIBYTES} allowed)", flush=True)
    return more <= ALLOWED_MEBIBYTES and (allowed is None or ratio <= allowed)


def _measure(url: str, what: str, wanted: int) -> tuple[float, float]:
    """Seconds, and the peak of memory in MiB, of a process of its own."""
    run = subprocess.run([sys.executable, __file__, url, what, str(wanted)], check=True, capture_output=True, text=True)
    seconds, peak = json.loads(run.stdout.splitlines()[-1])
    return seconds, peak


def _run(url: str, what: str, wanted: int) -> None:
    write = {"floor": _write_raw, "arrow": _write_arrow}.get(what, partial(_write_rows, what))
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        count = write(url, Path(folder), wanted)
        seconds = time.monotonic() - started
    assert count == wanted, f"{count:,} messages instead of {wanted:,}"
    # Not `ru_maxrss`, which starts at what the parent used.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(json.dumps([seconds, int(peak.split()[1]) / 1024]))


def _write_rows(name: str, url: str, folder: Path, wanted: int) -> int:
    path, count = ObjectStoragePath(str(folder)), 0
    by_day = open_partitions(path, MESSAGES, window=WINDOW, partition_by="day", format="parquet")
    opened: AbstractContextManager[Sink] = by_day if name == BY_DAY else open_files(path, MESSAGES, format=name)
    with opened as sink:
        for rows in _rows(url, wanted):
            sink.add(rows, [])
            count += len(rows)
        sink.finish({"rows": count})
    return count


def _write_arrow(url: str, folder: Path, wanted: int) -> int:
    import pyarrow as pa
    from pyarrow import compute, dataset

    types = {ColumnType.DECIMAL: pa.decimal128(18, 6), ColumnType.INTEGER: pa.int64()}
    types[ColumnType.TIMESTAMP] = pa.timestamp("us", "UTC")
    fields = [(column.name, types.get(column.type, pa.string())) for column in MESSAGES.columns]
    schema = pa.schema([*fields, ("creation_day", pa.date32())])
    counts: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for rows in _rows(url, wanted):
            counts.append(len(rows))
            values = zip(*rows, strict=True)
            columns = [pa.array(some, field_type) for some, (_, field_type) in zip(values, fields, strict=True)]
            day = compute.cast(columns[MESSAGES.names.index("creation_time")], pa.date32())
            yield pa.record_batch([*columns, day], schema=schema)

    layout = dataset.partitioning(pa.schema([schema.field("creation_day")]), flavor="hive")
    dataset.write_dataset(batches(), folder, schema=schema, format="parquet", partitioning=layout)
    return sum(counts)


def _rows(url: str, wanted: int) -> Iterator[list[Row]]:
    settings = Settings()
    credentials = Credentials(url, settings.client_id, settings.client_secret, JwtGrant(settings.jwt))
    count = 0
    with connect(credentials) as client:
        for page in client.message_pages(WINDOW):
            yield MESSAGES.rows(page.records, END)
            count += len(page.records)
            if count >= wanted:
                break


def _write_raw(url: str, folder: Path, wanted: int) -> int:
    count = 0
    with gzip.open(folder / "raw.jsonl.gz", "wb", compresslevel=6) as file:
        for page in _raw_pages(url):
            file.write(b"".join(bytes(record) + b"\n" for record in page.records))
            count += len(page.records)
            if count >= wanted:
                break
    return count


def _raw_pages(url: str) -> Iterator[RawPage]:
    settings = Settings()
    login = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": settings.jwt}
    with requests.Session() as session:
        answer = session.post(
            f"{url}/restapi/oauth/token", data=login, auth=(settings.client_id, settings.client_secret), timeout=60
        )
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        asked = {**WINDOW.as_parameters(), "perPage": "1000"}
        while True:
            answer = session.get(f"{url}/restapi/v1.0/account/~/a2p-sms/messages", params=asked, timeout=60)
            answer.raise_for_status()
            page = msgspec.json.decode(answer.content, type=RawPage)
            yield page
            token = page.paging.get("nextPageToken")
            if not token:
                return
            asked["pageToken"] = str(token)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _run(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main())
