"""Prints how long it takes to write 300,000 messages to local files, and how much memory.

The floor is reading the same pages without decoding a record, and packing the records' own bytes with gzip at the
same level. Run it as `python tests/benchmarks/files.py`; it starts a sandbox of its own and takes about two minutes.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import requests
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sandbox import Sandbox, Settings
from airflow_provider_hvsms.sinks.files.registry import FORMATS
from airflow_provider_hvsms.sinks.files.sink import open_files
from airflow_provider_hvsms.sinks.schema import MESSAGES

FEW, MANY = 30_000, 300_000
"""Messages."""
END = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 30
WINDOW = Window(END - timedelta(days=DAYS), END)
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
        passed = [_judge(sandbox.url, name, floor) for name in FORMATS]
    return 0 if all(passed) else 1


def _judge(url: str, name: str, floor: float) -> bool:
    runs = [_measure(url, name, MANY) for _ in range(RUNS)]
    seconds, peak = min(seconds for seconds, _ in runs), max(peak for _, peak in runs)
    more = peak - _measure(url, name, FEW)[1]
    ratio = seconds / floor
    allowed = f"{ALLOWED_RATIO} allowed" if name == "jsonl" else "for information"
    print(f"{name:>8}: {seconds:5.1f} s, {ratio:4.2f} of the floor ({allowed}); ", end="")
    print(f"{peak:5.1f} MiB at the most, {more:+.1f} against {FEW:,} ({ALLOWED_MEBIBYTES} allowed)", flush=True)
    return more <= ALLOWED_MEBIBYTES and (ratio <= ALLOWED_RATIO or name != "jsonl")


def _measure(url: str, what: str, wanted: int) -> tuple[float, float]:
    """Seconds, and the peak of memory in MiB, of a process of its own."""
    run = subprocess.run([sys.executable, __file__, url, what, str(wanted)], check=True, capture_output=True, text=True)
    seconds, peak = json.loads(run.stdout.splitlines()[-1])
    return seconds, peak


def _run(url: str, what: str, wanted: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        count = _write_raw(url, Path(folder), wanted) if what == "floor" else _write_rows(url, folder, what, wanted)
        seconds = time.monotonic() - started
    assert count == wanted, f"{count:,} messages instead of {wanted:,}"
    # Not `ru_maxrss`, which starts at what the parent used.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(json.dumps([seconds, int(peak.split()[1]) / 1024]))


def _write_rows(url: str, folder: str, name: str, wanted: int) -> int:
    settings = Settings()
    credentials = Credentials(url, settings.client_id, settings.client_secret, JwtGrant(settings.jwt))
    count = 0
    with connect(credentials) as client, open_files(ObjectStoragePath(folder), MESSAGES, format=name) as sink:
        for page in client.message_pages(WINDOW):
            sink.add(MESSAGES.rows(page.records, END), [])
            count += len(page.records)
            if count >= wanted:
                break
        sink.finish({"rows": count})
    return count


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
