"""A part that the service refused was not created, and may be sent again."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    LedgerUnavailable,
    ServiceUnavailable,
)
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sent_part import How
from tests.campaigns.sender.steps import (
    Send,
    answers,
    raise_once,
    states,
)
from tests.support.clock import ManualClock
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


def test_the_error_is_raised_and_the_next_try_sends_without_looking(
    service: FakeService, clock: ManualClock, send: Send
) -> None:
    answers(service, Answer.REFUSED)
    with pytest.raises(InvalidRequest, match="400"):
        send()
    assert [one.how for one in send()] == [How.SENT]
    assert not service.reads["batches"]
    assert not clock.slept


def test_a_refusal_that_cannot_be_noted_is_raised_all_the_same(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    answers(service, Answer.REFUSED)
    ledger.before = raise_once(LedgerUnavailable("The ledger did not answer."), at="replace")
    with pytest.raises(InvalidRequest, match="400"):
        send()
    assert states(ledger) == {1: EntryState.INTENDED}


def test_an_error_that_says_nothing_of_the_outcome_leaves_the_intent(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    service.step = raise_once(ServiceUnavailable("The connection was lost."), at="answer arrives")
    with pytest.raises(ServiceUnavailable):
        send()
    assert states(ledger) == {1: EntryState.INTENDED}
    assert [one.how for one in send()] == [How.ADOPTED]
