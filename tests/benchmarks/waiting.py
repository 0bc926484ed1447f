"""Prints what it costs to wait for 1, 10, 100 and 1,000 batches with as many triggers in one event loop.

Run it as `python tests/benchmarks/waiting.py`; it starts a sandbox of its own and takes about a minute. Printed are the
requests a poll while no batch completes, the reads of single batches over their whole life, the delay from the
completion to the event, and the longest time that the event loop was blocked.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

POLL_INTERVAL = 1.0
QUIET = 5.0
SPREAD = 5.0
MOST_REQUESTS_A_POLL = 3.0
MOST_READS_A_BATCH = 2.0
LONGEST_BLOCK = 0.050


class Result(NamedTuple):
    """Seconds, except for the counts."""

    requests_a_poll: float
    reads_a_batch: float
    mean_delay: float
    longest_delay: float
    longest_block: float

    @property
    def is_good(self) -> bool:
        return (
            self.requests_a_poll <= MOST_REQUESTS_A_POLL
            and self.reads_a_batch <= MOST_READS_A_BATCH
            and self.longest_delay <= POLL_INTERVAL
            and self.longest_block <= LONGEST_BLOCK
        )


def main() -> int:
    print(f"poll interval {POLL_INTERVAL:g} s")
    print("batches  requests a poll  reads a batch  delay, mean  longest  loop blocked")
    good = True
    for count in (1, 10, 100, 1_000):
        with _store() as url:
            result = _measure(url, count)
        print(
            f"{count:>7,}{result.requests_a_poll:>17.2f}{result.reads_a_batch:>15.2f}{result.mean_delay:>11.2f} s"
            f"{result.longest_delay:>7.2f} s{result.longest_block * 1000:>11.0f} ms",
            flush=True,
        )
        good &= result.is_good or count == 1
    return 0 if good else 1


def _measure(url: str, count: int) -> Result:
    run = subprocess.run([sys.executable, __file__, url, str(count)], check=True, stdout=subprocess.PIPE, text=True)
    return Result(*json.loads(run.stdout.splitlines()[-1]))


@contextmanager
def _store() -> Iterator[str]:
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, "-u", "-m", "airflow_provider_hvsms.sandbox", "serve", "--port", "0"]
        command += ["--light", "1000000", "--auth", "1000", "--messages", "0", "--live-batches", "0"]
        process = subprocess.Popen(command, stdout=output)
        try:
            yield _address(output)
        finally:
            process.terminate()
            process.wait()


def _address(output: Any) -> str:
    while True:
        output.seek(0)
        if found := re.search(r"http://127\.0\.0\.1:\d+", output.read()):
            return found.group()
        time.sleep(0.05)


async def _wait(url: str, count: int) -> Result:
    from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
    from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchTrigger

    HvsmsHook().get_conn().close()  # what a triggerer has imported long before
    # A full collection of all that Airflow imports takes 0.1 s, whatever starts it; it is not what is measured.
    gc.collect()
    gc.freeze()
    first = time.time() + QUIET + count / 50
    completions = {}
    for number in range(count):
        completed = first + SPREAD * number / count
        batch = _call(f"{url}/sandbox/batches", {"size": 10, "seconds": completed - time.time()})
        completions[batch["id"]] = completed
    events: dict[str, float] = {}

    async def wait_for(batch_id: str) -> None:
        async for event in HvsmsBatchTrigger(batch_ids=[batch_id], poll_interval=POLL_INTERVAL).run():
            assert event.payload["status"] == "success", event.payload
            events[batch_id] = time.time()

    blocks = [0.0]
    probe = asyncio.create_task(_probe(blocks))
    waits = [asyncio.create_task(wait_for(batch_id)) for batch_id in completions]
    await asyncio.sleep(1.5 * POLL_INTERVAL)
    before = await asyncio.to_thread(_requests, url)
    quiet = min(completions.values()) - time.time() - 0.2
    await asyncio.sleep(quiet)
    polls = quiet / POLL_INTERVAL
    after = await asyncio.to_thread(_requests, url)
    await asyncio.gather(*waits)
    probe.cancel()
    total = _requests(url)
    delays = [events[batch_id] - completions[batch_id] for batch_id in completions]
    return Result(
        (sum(after.values()) - sum(before.values())) / polls,
        total.get("batch", 0) / count,
        sum(delays) / count,
        max(delays),
        max(blocks),
    )


async def _probe(blocks: list[float]) -> None:
    """Notes how much later than asked the event loop goes on."""
    while True:
        asked = time.perf_counter()
        await asyncio.sleep(0.005)
        blocks.append(time.perf_counter() - asked - 0.005)


def _requests(url: str) -> dict[str, int]:
    requests: dict[str, int] = _call(f"{url}/sandbox/counters")["requests"]
    return requests


def _call(url: str, body: dict[str, Any] | None = None) -> Any:
    with urlopen(Request(url, None if body is None else json.dumps(body).encode())) as answer:
        return json.load(answer)


def _run_as_triggerer(url: str, count: int) -> None:
    from airflow_provider_hvsms.sandbox import Settings

    os.environ["AIRFLOW_CONN_HVSMS_DEFAULT"] = json.dumps(Settings().airflow_connection(url))
    print(json.dumps(asyncio.run(_wait(url, count))))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _run_as_triggerer(sys.argv[1], int(sys.argv[2]))
    else:
        sys.exit(main())
