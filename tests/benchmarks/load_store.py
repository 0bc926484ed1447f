"""The message store of the load benchmarks: a process of its own, whose pages are prerendered."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.request import urlopen

END = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 30
START = END - timedelta(days=DAYS)
PER_PAGE = 1000
UNLIMITED = 1_000_000


class Counters(NamedTuple):
    """What the store was asked.

    :param slices: lists of messages of which the first page was requested.
    """

    pages: int
    slices: int
    logins: int
    refusals: int

    def since(self, before: Counters) -> Counters:
        return Counters(*(now - then for now, then in zip(self, before, strict=True)))


class Store(NamedTuple):
    url: str
    messages: int

    @property
    def pages(self) -> int:
        return -(-self.messages // PER_PAGE)

    def counters(self) -> Counters:
        with urlopen(f"{self.url}/sandbox/counters") as answer:
            counts: dict[str, Any] = json.load(answer)
        return Counters(
            counts["requests"].get("messages", 0),
            counts["first_pages"].get("messages", 0),
            sum(counts["logins"].values()),
            counts["refused"],
        )


@contextmanager
def serving(messages: int, **settings: float) -> Iterator[Store]:
    """Serve so many messages, all of them between `START` and `END`."""
    options: dict[str, Any] = {"port": 0, "light": UNLIMITED, "auth": UNLIMITED, "days": DAYS, "end": END.isoformat()}
    options |= {"messages": messages, **settings}
    command = [sys.executable, "-u", "-m", "airflow_provider_hvsms.sandbox", "serve", "--prerendered", "--no-gzip"]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            greeting = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", greeting)
            assert found is not None, f"The store says {greeting!r}."
            yield Store(found.group(), messages)
        finally:
            process.terminate()
            process.communicate()
