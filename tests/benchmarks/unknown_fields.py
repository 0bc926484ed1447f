"""Prints what it costs to find fields that this version does not know, compared with ignoring them.

Pages of 1,000 messages are decoded in turns, some of which have two such fields in each message. Run it as
`python tests/benchmarks/unknown_fields.py`; it takes a few seconds and needs no server.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from airflow_provider_hvsms.api.decoding import PageDecoder, decode_page
from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.sandbox.data.records import to_json
from airflow_provider_hvsms.sandbox.data.store import Store
from airflow_provider_hvsms.sandbox.http.rendering import listed_message
from airflow_provider_hvsms.sandbox.settings import Settings
from airflow_provider_hvsms.sinks.schema import MESSAGES

MESSAGES_A_PAGE = 1_000
ROUNDS = 300
END = datetime(2026, 11, 1, tzinfo=UTC)
ADDED = {"channel": {"kind": "TollFree", "fees": [0.07, 12]}, "campaignId": "C-0042"}


class Case(NamedTuple):
    """Something to measure.

    :param base: what it is compared with.
    :param allowed: the highest ratio of the two.
    """

    name: str
    run: Callable[[], object]
    base: Callable[[], object]
    allowed: float


def main() -> int:
    plain, added = _page({}), _page(ADDED)
    print(f"{MESSAGES_A_PAGE:,} messages a page, {len(plain):,} bytes without the fields, {len(added):,} with them")
    passed = [_judge(case) for case in _cases(plain, added)]
    return 0 if all(passed) else 1


def _cases(plain: bytes, added: bytes) -> list[Case]:
    without, later = PageDecoder(Message), PageDecoder(Message)
    later.decode(added)
    kept = MESSAGES.with_extra()

    def ignore(body: bytes) -> Callable[[], object]:
        return lambda: decode_page(body, Message)

    def as_rows(decode: Callable[[], Any], layout: Any = MESSAGES) -> Callable[[], object]:
        return lambda: layout.rows(decode().records, END)

    find_none, find = (lambda: without.decode(plain)), (lambda: later.decode(added))
    return [
        Case("no such field", find_none, ignore(plain), 1.1),
        Case("first page with them", lambda: PageDecoder(Message).decode(added), ignore(added), 3.0),
        Case("later pages", find, ignore(added), 1.5),
        Case("rows, no such field, kept", as_rows(find_none, kept), as_rows(ignore(plain)), 1.1),
        Case("rows, later pages, kept", as_rows(find, kept), as_rows(ignore(added)), 3.0),
    ]


def _judge(case: Case) -> bool:
    """In turns, so that whatever else the machine does slows down both; the fastest of each counts."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for found, run in zip(times, (case.run, case.base), strict=True):
            started = time.perf_counter()
            run()
            found.append(time.perf_counter() - started)
    new, base = map(min, times)
    print(
        f"{case.name:<26} {new * 1e3:5.2f} ms, {new / base:4.2f} of ignoring them ({case.allowed} allowed)", flush=True
    )
    return new / base <= case.allowed


def _page(added: dict[str, Any]) -> bytes:
    store = Store(Settings(messages=MESSAGES_A_PAGE, end=END), END.timestamp)
    records = [json.loads(listed_message(one, store.now, detailed=False)) for one in store.history]
    return to_json({"records": [{**record, **added} for record in records]}).encode()


if __name__ == "__main__":
    sys.exit(main())
