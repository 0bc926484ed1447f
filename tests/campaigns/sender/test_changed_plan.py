"""Other recipients or texts than those of an earlier try are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    SendingRefused,
)
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from tests.campaigns.sender.steps import (
    FIRST,
    SECOND,
    Send,
    answers,
    once,
)
from tests.support.campaigns import ListPlan, intended, part
from tests.support.clock import ManualClock
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


def test_changed_recipients_are_refused_before_anything_is_sent(service: FakeService, send: Send) -> None:
    answers(service, Answer.CREATED, Answer.REFUSED)
    with pytest.raises(InvalidRequest):
        send(FIRST, SECOND)
    with pytest.raises(SendingRefused, match=r"changed since an earlier try.* the first is part 1"):
        send(part(1, recipients=(1, 2, 3)), SECOND)
    assert len(service.batches) == 1


def test_a_part_that_is_gone_is_refused(send: Send) -> None:
    send(FIRST, SECOND)
    with pytest.raises(SendingRefused, match="changed since an earlier try"):
        send(FIRST)


def test_changed_recipients_are_refused_while_an_outcome_is_unknown(
    ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now))
    with pytest.raises(SendingRefused, match="changed since an earlier try"):
        send(part(recipients=(1, 2)))


def test_a_part_that_the_service_refused_may_be_corrected(service: FakeService, send: Send) -> None:
    answers(service, Answer.REFUSED)
    with pytest.raises(InvalidRequest):
        send()
    send(part(recipients=(1, 2)))
    assert service.received == once(1, 2)


def test_a_part_that_changes_between_two_passes_is_refused(
    service: FakeService, make_sender: Callable[..., CampaignSender]
) -> None:
    plan = ListPlan(FIRST, SECOND)
    sent = make_sender().send(plan)
    plan.parts = (FIRST, part(2, recipients=(5, 7)))
    next(sent)
    with pytest.raises(SendingRefused, match="Part 2 changed while"):
        next(sent)
    assert service.received == once(1, 2, 3, 4)


def test_someone_who_opts_out_between_two_tries_changes_nothing(service: FakeService, send: Send) -> None:
    answers(service, Answer.REFUSED)
    with pytest.raises(InvalidRequest):
        send()
    send(part(recipients=(1, 2, 4), opted_out=(3,)))
    assert service.received == once(1, 2, 4)
