"""What the tests of the sender share: parts, answers, and what the ledger and the service then hold."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry
from airflow_provider_hvsms.campaigns.sent_part import SentPart
from tests.support.campaigns import RUN, message, part
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import MemoryLedger

MINUTES = 60.0
LOOKUP_TIME = 10 * MINUTES

FIRST, SECOND = part(1, recipients=(1, 2, 3, 4)), part(2, recipients=(5, 6))
NUMBERS = [message(number).to for number in range(1, 7)]

Kept = list[tuple[str, list[tuple[str, str | None]]]]
Send = Callable[..., list[SentPart]]
"""Sends parts, as one try."""


class Killed(BaseException):
    """The process was killed here."""


def answers(service: FakeService, *given: Answer) -> None:
    left = iter(given)
    service.answer = lambda: next(left, Answer.CREATED)


def states(ledger: MemoryLedger) -> dict[int, EntryState]:
    return {number: entry.state for (_, number), entry in ledger.stored.items()}


def entry_of(ledger: MemoryLedger, number: int = 1) -> LedgerEntry:
    return ledger.stored[RUN, number]


def once(*numbers: int) -> dict[str, int]:
    return {message(number).to: 1 for number in numbers}


def raise_once(error: BaseException, *, at: str, times: int = 1) -> Callable[[str], None]:
    left = [error] * times

    def step(name: str) -> None:
        if name == at and left:
            raise left.pop()

    return step
