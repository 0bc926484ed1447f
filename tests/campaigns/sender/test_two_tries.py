"""Of two tries of the same task at once, one sends a part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from airflow_provider_hvsms.api.errors import (
    LedgerConflict,
    SendingRefused,
)
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sent_part import How
from tests.campaigns.sender.steps import (
    FIRST,
    Send,
    entry_of,
    once,
    states,
)
from tests.support.campaigns import intended
from tests.support.clock import ManualClock
from tests.support.fake_service import FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


def meddle(service: FakeService, at: str, change: Callable[[], object]) -> None:
    """Let another try change the ledger between two steps of this one."""

    def step(name: str) -> None:
        if name == at:
            service.step = lambda _: None
            change()

    service.step = step


def test_a_part_whose_intent_another_try_has_noted_is_not_sent(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    def before(name: str) -> None:
        if name == "add":
            ledger.before = lambda _: None
            ledger.add(intended(FIRST, clock.now))

    ledger.before = before
    with pytest.raises(LedgerConflict):
        send()
    assert not service.batches


def test_a_part_that_another_try_has_sent_meanwhile_is_known(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    def before(name: str) -> None:
        if name == "add":
            ledger.before = lambda _: None
            send()

    ledger.before = before
    assert [one.how for one in send()] == [How.KNOWN]
    assert service.received == once(1, 2, 3, 4)


def test_a_batch_that_another_try_has_found_first_is_the_same(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    def adopt() -> None:
        entry = entry_of(ledger)
        ledger.replace(dataclasses.replace(entry, state=EntryState.CREATED, batch_id="b1", revision=2))

    meddle(service, "answer arrives", adopt)
    assert [one.how for one in send()] == [How.SENT]
    assert states(ledger) == {1: EntryState.RECORDED}


def test_a_try_that_learns_its_batch_too_late_notes_it_and_says_that_two_may_exist(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    def intend_again() -> None:
        ledger.replace(dataclasses.replace(entry_of(ledger), attempts=2, revision=2))

    meddle(service, "answer arrives", intend_again)
    with pytest.raises(SendingRefused, match="created as batch b1, but another try .* may have created a batch"):
        send()
    assert entry_of(ledger).batch_id == "b1"


def test_two_different_batches_of_a_part_are_both_named(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    def note_another() -> None:
        entry = entry_of(ledger)
        ledger.replace(dataclasses.replace(entry, state=EntryState.CREATED, batch_id="b9", revision=2))

    meddle(service, "answer arrives", note_another)
    with pytest.raises(SendingRefused, match="batch b1, but another try .* has batch b9"):
        send()


def test_the_batch_is_noted_though_a_person_removed_the_entry(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    meddle(service, "answer arrives", ledger.stored.clear)
    send()
    assert entry_of(ledger).batch_id == "b1"
