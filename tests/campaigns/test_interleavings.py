"""Two tries of a part at once, in every order of their steps, killed at every step, with every outcome of a request.

The code under test is the sender itself, on a ledger and a service in memory. In each run the two tries are followed by
a last one, which nothing disturbs. Every recipient must have the text exactly once in the end. `Bounds` says how often
a try is stopped though it could go on, and how much goes wrong in a run.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Hashable, Iterator
from datetime import timedelta

import pytest

from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    LedgerConflict,
    LedgerUnavailable,
    ServiceUnavailable,
)
from airflow_provider_hvsms.campaigns import lookup, part_record
from airflow_provider_hvsms.campaigns.ledger import LedgerEntry
from airflow_provider_hvsms.campaigns.lookup import NotCreated, OutcomeLookup
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.campaigns.sent_part import SentPart
from tests.support.campaigns import RUN, SENDER, ListPlan, part
from tests.support.fake_service import Answer, FakeService
from tests.support.interleaving import AlreadyCovered, Choices, Killed, Process, Schedule, all_choices
from tests.support.memory_ledger import MemoryLedger

LOOKUP_TIME = 60.0
BEGINNING = 1_790_000_000.0
PART = part(recipients=(1, 2))

IN_WORDS = (InvalidRequest, LedgerConflict, LedgerUnavailable, ServiceUnavailable)
"""How a try may fail without a person: the next one goes on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may happen in a run.

    :param clocks: by how many seconds the clock of each try is ahead of the service's.
    :param is_timely: whether each request reaches the service within the time that a look-up allows for it.
    """

    switches: int = 2
    kills: int = 1
    faults: int = 2
    ledger_faults: int = 0
    clocks: tuple[float, ...] = (0.0, 0.0)
    is_timely: bool = True


class Trial:
    """One run: two tries at once, and a last one."""

    def __init__(self, choices: Choices, bounds: Bounds, ledger: MemoryLedger) -> None:
        self._choices = choices
        self._bounds = bounds
        self._faults = bounds.faults
        self._ledger_faults = bounds.ledger_faults
        self._is_disturbed = True
        self._last_step = ""
        self._schedule = Schedule(
            choices, now=BEGINNING, switches=bounds.switches, kills=bounds.kills, world=self._world
        )
        self.service = FakeService(lambda: self._schedule.now, answer=self._answer, step=self._step)
        self._ledger = ledger
        ledger.before = self._step
        ledger.after = self._confirm

    def run(self) -> None:
        tries = [self._try(clock) for clock in self._bounds.clocks]
        self._schedule.run(tries)
        for process in tries:
            if process.error is not None and not isinstance(process.error, (Killed, *IN_WORDS)):
                raise AssertionError(f"a try ended with {process.error!r}")
        self._is_disturbed = False
        last = self._try(0.0)
        self._schedule.run([last])
        if last.error is not None:
            raise AssertionError("the last try failed") from last.error
        texts = [self.service.received[message.to] for message in PART.messages]
        if texts != [1, 1]:
            raise AssertionError(f"the recipients got {texts} texts")

    def _try(self, clock: float) -> Process:
        def send() -> list[SentPart]:
            sender = CampaignSender(
                self.service.client,
                self._ledger,
                from_number=SENDER,
                run=RUN,
                lookup_time=timedelta(seconds=LOOKUP_TIME),
                clock=lambda: self._schedule.now + clock,
                sleep=self._schedule.sleep,
            )
            return list(sender.send(ListPlan(PART)))

        return Process(send)

    def _world(self) -> Hashable:
        entries = tuple(self._ledger.stored.values())
        batches = tuple((one.batch.creation_time, one.listed_from) for one in self.service.batches)
        return (self._is_disturbed, self._faults, self._ledger_faults, entries, batches)

    def _observe(self, seen: Hashable) -> None:
        assert self._schedule.current is not None
        self._schedule.current.observe(seen)

    def _step(self, name: str) -> None:
        current = self._schedule.current
        assert current is not None
        if name == "request leaves" and self._bounds.is_timely:
            current.latest = self._arrives_by()
        # In a look, no entry of the ledger matters: there is one part.
        is_in_look, self._last_step = (name, self._last_step) == ("entries", "batches are listed"), name
        if self._is_disturbed and not is_in_look:
            self._schedule.step()

    def _arrives_by(self) -> float:
        """When a request that leaves now has reached the service, by the service's clock."""
        return self._schedule.now - part_record.MAX_NOTING_TIME.total_seconds() + LOOKUP_TIME

    def _answer(self) -> Answer:
        if not (self._faults and self._is_disturbed):
            return Answer.CREATED
        answer = list(Answer)[self._choices(len(Answer))]
        self._faults -= answer is not Answer.CREATED
        self._observe(answer.name)
        self.service.delay = LOOKUP_TIME - part_record.MAX_NOTING_TIME.total_seconds()
        return answer

    def _confirm(self, state: str) -> None:
        """A write is carried out; that may be lost on the way back."""
        if self._ledger_faults and self._is_disturbed and self._choices(2):
            self._ledger_faults -= 1
            self._observe("lost")
            raise LedgerUnavailable("The ledger did not answer.")


def explore(bounds: Bounds, make_ledger: Callable[[], MemoryLedger] = MemoryLedger) -> int:
    """Carry out all runs, and return how many there are.

    :raises AssertionError: a run ends in another way than it must; it names the choices.
    """
    runs = 0
    for choices in all_choices():
        runs += 1
        try:
            Trial(choices, bounds, make_ledger()).run()
        except AlreadyCovered:
            continue
        except AssertionError as error:
            raise AssertionError(f"{error}; run {runs:,}, choices {[choice for choice, _ in choices.taken]}") from error
    return runs


@pytest.fixture(autouse=True)
def few_looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A look at once and one at the end, as each one more multiplies the runs. Nothing is logged in them."""
    monkeypatch.setattr(lookup, "_FIRST_PAUSE", LOOKUP_TIME)
    monkeypatch.setattr(lookup, "MIN_LOOKS", 2)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(switches=3, kills=0, faults=1),
        Bounds(switches=2, kills=1, faults=1),
        Bounds(switches=1, kills=1, faults=2),
        Bounds(switches=1, kills=0, faults=0, ledger_faults=2),
        Bounds(switches=1, kills=0, faults=1, clocks=(290.0, 0.0)),
        Bounds(switches=1, kills=0, faults=1, clocks=(0.0, 290.0)),
    ],
    ids=["switches", "a kill", "a kill and two faults", "ledger", "first clock ahead", "second clock ahead"],
)
def test_each_recipient_gets_the_text_exactly_once(bounds: Bounds) -> None:
    assert explore(bounds) > 100


class CarelessLedger(MemoryLedger):
    """A ledger whose last write wins."""

    def add(self, entry: LedgerEntry) -> None:
        self.before("add")
        self._store(entry)

    replace = add


TWICE = r"got \[2, 2\] texts|has batch b\d"
"""How a run shows that two batches were created: by what was received, or as a try itself says so."""


class TestTheCheckItself:
    """It finds a second text where one of the guards is missing."""

    def test_without_the_look(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(OutcomeLookup, "find", lambda *_, **__: NotCreated())
        with pytest.raises(AssertionError, match=TWICE):
            explore(Bounds(switches=0, kills=1, faults=0))

    def test_with_a_single_look_that_does_not_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(OutcomeLookup, "_deadline", lambda *_, **__: 0.0)
        monkeypatch.setattr(lookup, "MIN_LOOKS", 1)
        with pytest.raises(AssertionError, match=TWICE):
            explore(Bounds(switches=0, kills=0, faults=1))

    def test_without_compare_and_set(self) -> None:
        with pytest.raises(AssertionError, match=TWICE):
            explore(Bounds(switches=1, kills=0, faults=0), CarelessLedger)

    def test_where_a_request_arrives_later_than_the_time_allows(self) -> None:
        with pytest.raises(AssertionError, match=TWICE):
            explore(Bounds(switches=2, kills=0, faults=0, is_timely=False))

    def test_where_the_difference_of_clocks_is_not_allowed_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lookup, "CLOCK_DIFFERENCE", timedelta())
        with pytest.raises(AssertionError, match=TWICE):
            explore(Bounds(switches=1, kills=0, faults=1, clocks=(0.0, 290.0)))
