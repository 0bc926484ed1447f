"""One campaign with faults, tried again as Airflow does, and what its recipients got."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

from tests.support.campaign_faults import one_try
from tests.support.campaign_faults.ledgers import LedgerUnderTest
from tests.support.campaign_faults.one_try import Campaign, End, Stop
from tests.support.campaign_faults.service import CampaignService
from tests.support.send_operator import SENDER, TEXT, numbers

LOOKUP_TIME = timedelta(seconds=8)
RETRY_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try."""
_TRY_TIMEOUT = 240.0

REJECTED = "+18005550199"
"""A recipient that the service rejects."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.campaign_faults.one_try"])
_STARTING = threading.Lock()


@dataclasses.dataclass(kw_only=True)
class Report:
    """What became of a campaign.

    :param outcome: `success`, or `failed` with its reason in words.
    :param duplicates: recipients to whom it sent more than once.
    :param missing: recipients to whom it sent nothing although it succeeded.
    """

    kind: str
    number: int
    ledger: str
    further: tuple[str, ...] = ()
    outcome: str = ""
    reason: str = ""
    tries: list[End] = dataclasses.field(default_factory=list)
    duplicates: int = 0
    missing: int = 0
    killed: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        return bool(self.duplicates or self.missing or self.problems)


class FaultyRun:
    """A campaign of several parts. A fault uses `service`, `ledger` and `random`, and may end its processes.

    :param folder: empty; of this campaign alone.
    """

    def __init__(self, *, number: int, folder: Path, ledger: LedgerUnderTest, random: Random) -> None:
        self.random = random
        self.ledger = ledger
        self.service = CampaignService()
        self.stops: list[Stop] = []
        """Where each further try is killed or paused."""
        self.at_once: list[float] = []
        """Seconds after each further try at which another one starts while it runs."""
        self.interruptions: list[tuple[float, float]] = []
        """Of the ledger: seconds after the start of the first try, and how long."""
        self.cleared = 1
        self.parts = random.randint(2, 4)
        self.recipients = [*numbers(random.randint(2, 4) * self.parts - 1, start=number * 20), REJECTED]
        self._folder = folder
        self._current: list[BaseProcess] = []
        self._tries = 0

    def arguments(self) -> Mapping[str, Any]:
        size = -(-len(self.recipients) // self.parts)
        return {
            "from_number": SENDER, "text": TEXT, "recipients": self.recipients, "max_batch_size": size,
            "lookup_time": LOOKUP_TIME, **self.ledger.arguments,
        }  # fmt: skip

    def kill(self) -> None:
        """Kill the newest process that runs, as by `kill -9`."""
        for process in self._current[-1:]:
            process.kill()

    def execute(self, report: Report) -> None:
        """Run the task until it succeeded or failed, clear it, and count."""
        self.service.observe()
        with self.service.sandbox as sandbox:
            campaign = Campaign(
                arguments=self.arguments(),
                connections={"hvsms_default": sandbox.airflow_connection, **self.ledger.connections},
                state=self._folder,
                run_id="monday",
            )
            timers = [threading.Thread(target=self._interrupt, args=one, daemon=True) for one in self.interruptions]
            for timer in timers:
                timer.start()
            end = self._run_task(campaign, report)
            report.outcome, report.reason = end.how, end.reason
            for timer in timers:
                timer.join()
            for _ in range(self.cleared):
                self._clear(campaign, end, report)
            self._count(end, report)

    def _interrupt(self, after: float, seconds: float) -> None:
        time.sleep(after)
        self.ledger.interrupt(seconds)

    def _run_task(self, campaign: Campaign, report: Report) -> End:
        """Tries until one succeeds or fails for good, or none are left."""
        for delay in (*RETRY_DELAYS, 0.0):
            end = self._try_at_once(campaign, report)
            if end.how in ("success", "failed"):
                return end
            time.sleep(delay)
        return dataclasses.replace(end, how="failed", reason=f"no tries left: {end.reason}")

    def _try_at_once(self, campaign: Campaign, report: Report) -> End:
        """One try; or two at once, of which the second one counts, as for Airflow."""
        if not self.at_once:
            return self._try(campaign, report)
        delay = self.at_once.pop(0)
        other = threading.Thread(target=self._try, args=(campaign, report))
        other.start()
        time.sleep(delay)
        end = self._try(campaign, report)
        other.join()
        return end

    def _clear(self, campaign: Campaign, end: End, report: Report) -> None:
        again = self._run_task(campaign, report)
        if end.how == "success" and (again.how, again.batch_ids) != (end.how, end.batch_ids):
            report.problems.append(f"cleared after success: {again}")

    def _try(self, campaign: Campaign, report: Report) -> End:
        stop = self.stops.pop(0) if self.stops else Stop()
        self._tries += 1
        log = self._folder / f"try-{self._tries}.log"
        with _STARTING:
            receiver, sender = PROCESSES.Pipe(duplex=False)
            process = PROCESSES.Process(target=one_try.run, args=(campaign, log, stop, sender))
            process.start()
        self._current.append(process)
        sender.close()
        end = _end_of(receiver, process)
        self._current.remove(process)
        report.tries.append(end)
        report.killed += end.how == "killed"
        if end.how == "hanging":
            report.problems.append(f"a try did not end within {_TRY_TIMEOUT} s")
        return end

    def _count(self, end: End, report: Report) -> None:
        own = self.service.own_counts()
        got = self.service.counts_of(self.service.own_batches | set(end.batch_ids))
        report.duplicates = sum(count > 1 for count in own.values())
        wanted = set(self.recipients) - {REJECTED}
        if unknown := own.keys() - wanted:
            report.problems.append(f"{len(unknown)} others were sent something")
        if end.how == "success":
            report.missing = len(wanted - got.keys())
        if self._repeated_too_early():
            report.problems.append(f"a request was repeated before {LOOKUP_TIME} had passed")
        left = [file.read_bytes() for file in self._folder.iterdir() if file.is_file()]
        if any(number[1:].encode() in content for number in self.recipients for content in left):
            report.problems.append("a number is in a log or in the ledger")

    def _repeated_too_early(self) -> bool:
        """Whether there are more requests than parts, without a look-up before each one more."""
        times = sorted(self.service.requests)
        enough = LOOKUP_TIME.total_seconds() - 0.5
        waits = sum(later - earlier >= enough for earlier, later in itertools.pairwise(times))
        return waits < len(times) - self.parts


def _end_of(receiver: Any, process: BaseProcess) -> End:
    try:
        if receiver.poll(_TRY_TIMEOUT):
            end: End = receiver.recv()
        else:
            process.kill()
            end = End(how="hanging")
    except EOFError:
        end = End(how="killed", reason="killed")
    receiver.close()
    process.join()
    return end
