"""Prints how fast messages are loaded into databases, and in how much memory, against the floor and other ways.

Run it as `python tests/benchmarks/load.py`; it starts a store and databases of its own and takes about a quarter of an
hour, with `--messages 30000` about four minutes. It needs `dlt[postgres,duckdb]`, the extra `test-mysql`,
MariaDB's server and the DuckDB provider.

Each load is a process of its own, and so is the store, whose pages lie ready. Timed is what lies between opening the
database and logging in, and the last commit; imports are not. Of several runs the fastest counts. The floor is the
least code that reads the same pages, decodes them and copies them with the driver into an empty table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.load_bench import Bench, LoadFailed, Measured, report
from tests.benchmarks.load_databases import OPENERS
from tests.benchmarks.load_store import Store, serving

MESSAGES = 300_000
RUNS = 2
"""The fastest one counts: the others were disturbed."""
WAYS = {
    "postgresql": ("floor", "operator", "insert_rows", "dlt", "flat_dlt"),
    "sqlite": ("floor", "operator", "insert_rows", "dlt"),
    "duckdb": ("floor", "operator", "dlt"),
    "mysql": ("floor", "operator", "insert_rows", "dlt"),
}
REMARKS = {
    "duckdb": "`insert_rows(replace=True)` is not supported: its `REPLACE INTO` is not DuckDB's.",
}
MAX_MESSAGES = {
    ("postgresql", "dlt"): 100_000,
    ("postgresql", "flat_dlt"): 100_000,
    ("sqlite", "dlt"): 100_000,
    ("duckdb", "dlt"): 30_000,
    ("mysql", "dlt"): 30_000,
}
"""More would take many minutes, and into DuckDB gigabytes of memory; compared are rows a second."""
NEEDED = {
    "postgresql": {"floor": 0.7, "insert_rows": 10.0, "dlt": 6.0},
    "sqlite": {"floor": 0.6},
    "duckdb": {"floor": 0.6},
    "mysql": {"floor": 0.6},
}
"""How many times as fast as these ways the operator must be."""

LATENCY, LIGHT, WINDOW = 0.5, 600, 60.0
PAGES_AT_A_QUOTA = 300
NEEDED_SHARE = 0.85

FEW, MANY = 10_000, 1_000_000
ALLOWED_MEBIBYTES = 40


class Race(NamedTuple):
    """All ways into one database; a way that failed is missing."""

    database: str
    measured: dict[str, Measured]

    def times_as_fast(self, way: str, other: str) -> float:
        """How many times as fast the one is as the other; 0 if one of them failed."""
        one, slower = self.measured.get(way), self.measured.get(other)
        return one.speed / slower.speed if one and slower else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures loads into databases.")
    parser.add_argument("--messages", type=int, default=MESSAGES, help="messages a load; all parts scale with it")
    parser.add_argument("--only", choices=list(WAYS), action="append", help="into this database; may be repeated")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hvsms-load-")))
        databases = given.only or list(WAYS)
        benches = [Bench(folder, name, stack.enter_context(OPENERS[name](folder))) for name in databases]
        good = [
            *_judge_speed(benches, given.messages),
            *_judge_quota(benches[0], given.messages),
            *_judge_memory(benches, given.messages * MANY // MESSAGES),
        ]
    return 0 if all(good) else 1


def _judge_speed(benches: list[Bench], messages: int) -> Iterator[bool]:
    with serving(messages) as store:
        races = [_race(bench, store) for bench in benches]
    _print_table(races)
    for race in races:
        for other, needed in NEEDED[race.database].items():
            times = race.times_as_fast("operator", other)
            yield _judge(f"{race.database}: {times:.2f} times as fast as {other}", times >= needed, f"{needed} needed")
        if "operator" in race.measured:
            yield from _judge_requests(race.database, race.measured["operator"], store.pages)


def _race(bench: Bench, store: Store) -> Race:
    measured: dict[str, Measured] = {}
    # Round by round, so that a slow minute of the machine hits all ways.
    for way in WAYS[bench.database] * RUNS:
        try:
            one = _load(bench, store, way)
        except LoadFailed as error:
            report(f"{bench.database} {way} failed: {error}")
            continue
        measured[way] = max(one, measured.get(way, one), key=lambda run: run.speed)
    return Race(bench.database, measured)


def _load(bench: Bench, store: Store, way: str) -> Measured:
    most = MAX_MESSAGES.get((bench.database, way), store.messages)
    if most >= store.messages:
        return bench.load(store, way)
    with serving(most) as smaller:
        return bench.load(smaller, way)


def _print_table(races: list[Race]) -> None:
    line = "| {:<10} | {:<11} | {:>8} | {:>13} | {:>12} | {:>16} | {:>11} |"
    print(line.format("database", "way", "rows", "rows a second", "of the floor", "operator, times", "peak memory"))
    print("|" + "|".join(["---"] * 2 + ["--:"] * 5) + "|")
    for race in races:
        for way in WAYS[race.database]:
            if one := race.measured.get(way):
                print(
                    line.format(
                        race.database,
                        way,
                        f"{one.rows:,}",
                        f"{one.speed:,.0f}",
                        f"{race.times_as_fast(way, 'floor'):.2f}",
                        f"{race.times_as_fast('operator', way):.2f}",
                        f"{one.load.mebibytes:,.0f} MiB",
                    )
                )
            else:
                print(line.format(race.database, way, "failed", "", "", "", ""))
    for race in races:
        if remark := REMARKS.get(race.database):
            print(f"{race.database}: {remark}")
    print(flush=True)


def _judge_requests(what: str, measured: Measured, pages: int) -> Iterator[bool]:
    asked = measured.asked
    allowed = pages if asked.slices == 1 else pages + asked.slices
    yield _judge(
        f"{what}: {asked.pages} requests for {pages} pages, read in slices: {asked.slices}",
        asked.pages <= allowed,
        f"{allowed} allowed",
    )
    yield _judge(f"{what}: {asked.logins} login", asked.logins <= 1, "1 allowed")


def _judge_quota(bench: Bench, messages: int) -> Iterator[bool]:
    per_page = -(-messages // PAGES_AT_A_QUOTA)
    pages = -(-messages // per_page)
    with serving(messages, latency=LATENCY, light=LIGHT, window=WINDOW) as store:
        measured = bench.load(store, "operator", per_page=per_page)
    seconds, asked = measured.load.seconds, measured.asked
    share = pages / (LIGHT / WINDOW * seconds)
    yield _judge(
        f"{LATENCY} s a page and {LIGHT} requests in {WINDOW:g} s: {asked.pages} requests for {pages} pages in "
        f"{seconds:.1f} s, {asked.refusals} refused; {share:.0%} of the quota used",
        share >= NEEDED_SHARE and not asked.refusals,
        f"{NEEDED_SHARE:.0%} needed",
    )
    yield from _judge_requests("the same", measured, pages)


def _judge_memory(benches: list[Bench], many: int) -> Iterator[bool]:
    with serving(FEW) as small_store, serving(many) as store:
        for bench in benches:
            few, full = bench.load(small_store, "operator"), bench.load(store, "operator")
            more = full.load.mebibytes - few.load.mebibytes
            yield _judge(
                f"{bench.database}: {few.load.mebibytes:.0f} MiB at the most for {few.rows:,} messages, "
                f"{full.load.mebibytes:.0f} MiB for {full.rows:,}, {more:+.1f} MiB",
                more <= ALLOWED_MEBIBYTES,
                f"{ALLOWED_MEBIBYTES} allowed",
            )


def _judge(what: str, is_good: bool, measure: str) -> bool:
    print(f"{'good  ' if is_good else 'MISSED'} {what} ({measure})", flush=True)
    return is_good


if __name__ == "__main__":
    sys.exit(main())
