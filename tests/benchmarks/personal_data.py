"""Prints what it costs to protect personal data, compared with keeping it.

Pages of 1,000 messages, each with a recipient of its own, are decoded and made rows in turns. Run it as
`python tests/benchmarks/personal_data.py`; it takes a few seconds and needs no server.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from airflow_provider_hvsms.api.decoding import decode_page
from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.sinks.personal_data import PersonalData, Protection
from airflow_provider_hvsms.sinks.schema import MESSAGES

MESSAGES_A_PAGE = 1_000
PAGES = 100
ROUNDS = 5
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ALLOWED = {"hash": 5.0, "drop": 1.3}
"""The highest ratio of the times. A load takes many times as long as `keep` here, which writes nothing."""


def main() -> int:
    pages = [_page(number) for number in range(PAGES)]
    settings: tuple[PersonalData, ...] = ("keep", "hash", "drop")
    times: dict[str, float] = dict.fromkeys(settings, float("inf"))
    for _ in range(ROUNDS):
        for setting in settings:
            times[setting] = min(times[setting], _seconds(lambda setting=setting: _make_rows(pages, setting)))  # type: ignore[misc]  # a default that binds the loop's value
    for setting in settings:
        per_row = times[setting] / (MESSAGES_A_PAGE * PAGES) * 1e6
        print(f"{setting:5} {per_row:6.2f} microseconds a row, {times[setting] / times['keep']:.2f} of keep")
    return 0 if all(times[setting] <= allowed * times["keep"] for setting, allowed in ALLOWED.items()) else 1


def _make_rows(pages: list[bytes], setting: PersonalData) -> None:
    layout = MESSAGES.protected(Protection(setting, "a key that is long enough" if setting == "hash" else ""))
    for page in pages:
        layout.rows(decode_page(page, Message).records, NOW)


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _page(number: int) -> bytes:
    first = number * MESSAGES_A_PAGE
    return msgspec.json.encode({"records": [_message(first + place) for place in range(MESSAGES_A_PAGE)]})


def _message(number: int) -> dict[str, object]:
    return {
        "id": str(402_406_184_008 + number),
        "from": "+16505550100",
        "to": [f"+1415{number:07}"],
        "creationTime": "2026-11-01T12:00:00.436491Z",
        "lastModifiedTime": "2026-11-01T12:00:02.436491Z",
        "messageStatus": "Delivered",
        "segmentCount": 1,
        "cost": 0.007,
        "direction": "Outbound",
        "batchId": "3157ac7d-9a1c-4b60-8d28-2b1f0e8f4c11",
    }


if __name__ == "__main__":
    sys.exit(main())
