"""A batch whose answer was lost is looked for before anything is sent again."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_hvsms.api.errors import (
    SendingRefused,
    ServiceUnavailable,
)
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sent_part import How
from tests.campaigns.sender.steps import (
    FIRST,
    LOOKUP_TIME,
    MINUTES,
    Send,
    answers,
    entry_of,
    once,
    states,
)
from tests.support.campaigns import RUN, intended, part
from tests.support.clock import ManualClock
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


def test_a_batch_whose_answer_was_lost_is_found_by_the_same_try(service: FakeService, send: Send) -> None:
    answers(service, Answer.LOST)
    assert [one.how for one in send()] == [How.ADOPTED]
    assert service.received == once(1, 2, 3, 4)


def test_a_batch_that_is_listed_late_is_found(service: FakeService, send: Send) -> None:
    service.delay = LOOKUP_TIME
    answers(service, Answer.LATE)
    assert [one.how for one in send()] == [How.ADOPTED]
    assert service.received == once(1, 2, 3, 4)


def test_a_part_that_was_surely_not_created_is_sent_by_the_same_try(
    service: FakeService, clock: ManualClock, ledger: SearchableMemoryLedger, send: Send
) -> None:
    answers(service, Answer.NEVER_CREATED)
    began = clock.now
    assert [one.how for one in send()] == [How.SENT]
    assert clock.now >= began + LOOKUP_TIME
    assert entry_of(ledger).attempts == 2


def test_after_two_requests_without_an_answer_the_try_ends(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    answers(service, Answer.NEVER_CREATED, Answer.NEVER_CREATED)
    with pytest.raises(ServiceUnavailable, match="2 times without an answer"):
        send()
    assert states(ledger) == {1: EntryState.NOT_CREATED}


def test_an_intent_of_an_earlier_try_is_looked_for(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now))
    service.create(FIRST.messages)
    assert [one.how for one in send()] == [How.ADOPTED]
    assert entry_of(ledger).batch_id == "b1"
    assert len(service.batches) == 1


def test_two_equal_batches_are_refused(service: FakeService, send: Send) -> None:
    service.create(FIRST.messages)
    answers(service, Answer.LOST)
    with pytest.raises(SendingRefused) as refused:
        send()
    assert "batch b1" in str(refused.value)
    assert "batch b2" in str(refused.value)
    assert "Decide on part 1." in str(refused.value)
    assert "+1415" not in str(refused.value)


def test_what_was_refused_as_not_sure_is_looked_for_again_by_the_next_try(service: FakeService, send: Send) -> None:
    answers(service, Answer.LOST)
    service.create(FIRST.messages, shown=1)
    with pytest.raises(SendingRefused):
        send()
    service.batches.pop(0)
    assert [one.how for one in send()] == [How.ADOPTED]
    assert service.received == once(1, 2, 3, 4)


def test_a_part_whose_recipients_have_all_opted_out_since_is_looked_for(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now))
    service.create(FIRST.messages)
    (sent,) = send(part(recipients=(), opted_out=(1, 2, 3, 4)))
    assert sent.how is How.ADOPTED


def test_the_batch_of_another_run_is_not_taken(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    send(run=dataclasses.replace(RUN, run_id="manual__0"))
    answers(service, Answer.NEVER_CREATED)
    assert [one.how for one in send()] == [How.SENT]
    assert entry_of(ledger).batch_id == "b2"


def test_a_batch_that_may_be_another_runs_is_refused(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now, run=dataclasses.replace(RUN, run_id="manual__0")))
    answers(service, Answer.LOST)
    with pytest.raises(SendingRefused, match="run 'manual__0' .part 1. was about to send the same"):
        send()


def test_an_old_intent_of_another_run_is_no_hindrance(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now - 16 * MINUTES, run=dataclasses.replace(RUN, run_id="manual__0")))
    answers(service, Answer.LOST)
    assert [one.how for one in send()] == [How.ADOPTED]
