"""A ledger that cannot be read or written never leads to a second batch."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from airflow_provider_hvsms.api.errors import (
    LedgerUnavailable,
)
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sent_part import How
from tests.campaigns.sender.steps import (
    Send,
    entry_of,
    once,
    raise_once,
    states,
)
from tests.support.clock import ManualClock
from tests.support.fake_service import FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


def test_without_a_noted_intent_nothing_is_sent(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    ledger.before = raise_once(LedgerUnavailable("The ledger did not answer."), at="add")
    with pytest.raises(LedgerUnavailable):
        send()
    assert not service.batches


def test_an_intent_whose_noting_was_not_confirmed_sends_nothing(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    ledger.after = raise_once(LedgerUnavailable("The ledger did not answer."), at="intended")
    with pytest.raises(LedgerUnavailable):
        send()
    assert not service.batches
    assert [one.how for one in send()] == [How.SENT]


def test_noting_the_batch_is_repeated(ledger: SearchableMemoryLedger, clock: ManualClock, send: Send) -> None:
    ledger.before = raise_once(LedgerUnavailable("The ledger did not answer."), at="replace", times=3)
    assert [one.how for one in send()] == [How.SENT]
    assert clock.slept == [1.0, 2.0, 4.0]


def test_a_batch_that_was_noted_without_confirmation_is_noted_once(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    ledger.after = raise_once(LedgerUnavailable("The ledger did not answer."), at="created")
    assert [one.how for one in send()] == [How.SENT]
    assert entry_of(ledger).batch_id == "b1"


def test_a_batch_that_cannot_be_noted_is_in_the_log_and_found_by_the_next_try(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.before = raise_once(LedgerUnavailable("The ledger did not answer."), at="replace", times=7)
    with caplog.at_level(logging.WARNING), pytest.raises(LedgerUnavailable):
        send()
    assert "Part 1 was created as batch b1, which is not noted" in caplog.text
    assert [one.how for one in send()] == [How.ADOPTED]
    assert service.received == once(1, 2, 3, 4)


@pytest.mark.parametrize(("lookup_time", "taken"), [(600, 31.0), (20, 21.0)])
def test_an_intent_that_took_too_long_to_note_is_noted_again(
    ledger: SearchableMemoryLedger, clock: ManualClock, send: Send, lookup_time: float, taken: float
) -> None:
    slow = iter([taken, 0.0])
    ledger.after = lambda state: ManualClock.sleep(clock, next(slow)) if state == "intended" else None
    began = clock.now
    send(lookup_time=timedelta(seconds=lookup_time))
    entry = entry_of(ledger)
    assert (entry.first_intended_at.timestamp(), entry.intended_at.timestamp()) == (began, began + taken)


def test_a_ledger_that_is_always_slow_sends_nothing(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    ledger.after = lambda state: ManualClock.sleep(clock, 31.0)
    with pytest.raises(LedgerUnavailable, match="longer than 30 s, 3 times"):
        send()
    assert not service.batches
    assert states(ledger) == {1: EntryState.NOT_CREATED}
