"""Parts are sent one after the other, each as one batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
)
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.campaigns.sent_part import How, SentPart
from tests.campaigns.sender.steps import (
    FIRST,
    SECOND,
    Send,
    answers,
    once,
    states,
)
from tests.support.campaigns import RUN, ListPlan, part
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


def test_each_part_is_sent_as_one_batch(service: FakeService, send: Send) -> None:
    assert send(FIRST, SECOND) == [
        SentPart(part=1, batch_id="b1", size=4, rejected_count=0, how=How.SENT),
        SentPart(part=2, batch_id="b2", size=2, rejected_count=0, how=How.SENT),
    ]
    assert service.received == once(1, 2, 3, 4, 5, 6)


def test_the_ledger_ends_with_the_batches(ledger: SearchableMemoryLedger, send: Send) -> None:
    send(FIRST, SECOND)
    assert states(ledger) == {1: EntryState.RECORDED, 2: EntryState.RECORDED}
    assert [entry.batch_id for entry in ledger.stored.values()] == ["b1", "b2"]


def test_a_part_is_sent_when_the_result_is_asked_for(
    service: FakeService, make_sender: Callable[..., CampaignSender]
) -> None:
    sent = make_sender().send(ListPlan(FIRST, SECOND))
    assert not service.batches
    next(sent)
    assert len(service.batches) == 1


def test_another_try_sends_nothing(service: FakeService, send: Send) -> None:
    send(FIRST, SECOND)
    assert [one.how for one in send(FIRST, SECOND)] == [How.KNOWN, How.KNOWN]
    assert len(service.batches) == 2


def test_another_try_sends_the_parts_that_are_missing(service: FakeService, send: Send) -> None:
    answers(service, Answer.CREATED, Answer.REFUSED)
    with pytest.raises(InvalidRequest):
        send(FIRST, SECOND)
    assert [one.how for one in send(FIRST, SECOND)] == [How.KNOWN, How.SENT]
    assert service.received == once(1, 2, 3, 4, 5, 6)


def test_a_new_run_sends_again(service: FakeService, send: Send) -> None:
    send()
    send(run=dataclasses.replace(RUN, run_id="manual__2"))
    assert len(service.batches) == 2


def test_the_intent_is_noted_before_the_request_leaves(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send
) -> None:
    service.step = lambda name: seen.append((name, states(ledger)))
    seen: list[Any] = []
    send()
    assert seen[0] == ("request leaves", {1: EntryState.INTENDED})


def test_a_part_without_recipients_is_skipped(service: FakeService, ledger: SearchableMemoryLedger, send: Send) -> None:
    (sent,) = send(part(recipients=(), opted_out=(1, 2)))
    assert sent == SentPart(part=1, batch_id=None, size=0, rejected_count=0, how=How.SKIPPED)
    assert states(ledger) == {1: EntryState.SKIPPED}
    assert not service.batches


def test_a_part_that_was_skipped_is_not_sent_later(service: FakeService, send: Send) -> None:
    send(part(recipients=(), opted_out=(1, 2)))
    (sent,) = send(part(recipients=(1, 2)))
    assert sent.how is How.SKIPPED
    assert not service.batches


def test_no_recipient_and_no_text_is_in_the_ledger(ledger: SearchableMemoryLedger, send: Send) -> None:
    send()
    assert "+1415" not in repr(ledger.stored)
    assert "Hello" not in repr(ledger.stored)
