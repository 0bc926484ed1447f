"""Prints the peak memory of reading 10,000 and 1,000,000 messages through `iter_messages`, and their difference.

Run it as `python tests/benchmarks/memory_of_iter_messages.py`; it starts a sandbox of its own and takes about a minute.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.sandbox import Sandbox, Settings

FEW, MANY = 10_000, 1_000_000
"""Messages."""
END = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 100
ALLOWED_MEBIBYTES = 30


def main() -> int:
    settings = Settings(messages=MANY, days=DAYS, end=END, light=1_000_000)
    with Sandbox(settings) as sandbox:
        peaks = {wanted: _peak_of_reading(sandbox.url, wanted) for wanted in (FEW, MANY)}
    for wanted, peak in peaks.items():
        print(f"{wanted:>9,} messages: {peak:6.1f} MiB at the most")
    more = peaks[MANY] - peaks[FEW]
    print(f"{'difference':>18}: {more:6.1f} MiB, {ALLOWED_MEBIBYTES} allowed")
    return 0 if more <= ALLOWED_MEBIBYTES else 1


def _peak_of_reading(url: str, wanted: int) -> float:
    run = subprocess.run([sys.executable, __file__, url, str(wanted)], check=True, capture_output=True, text=True)
    return float(run.stdout)


def _read(url: str, wanted: int) -> None:
    settings = Settings()
    credentials = Credentials(url, settings.client_id, settings.client_secret, JwtGrant(settings.jwt))
    with connect(credentials) as client:
        messages = client.iter_messages(Window(END - timedelta(days=DAYS), END))
        count = sum(1 for _ in zip(range(wanted), messages, strict=False))
    assert count == wanted
    # Not `ru_maxrss`, which starts at what the parent used.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(int(peak.split()[1]) / 1024)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _read(sys.argv[1], int(sys.argv[2]))
    else:
        sys.exit(main())
