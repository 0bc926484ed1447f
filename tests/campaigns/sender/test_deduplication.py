"""`deduplicate_for` refuses what another run has sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest

from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    SendingRefused,
)
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.campaigns.sent_part import How
from tests.campaigns.sender.steps import (
    FIRST,
    SECOND,
    Send,
    answers,
    entry_of,
)
from tests.support.campaigns import RUN, intended, part
from tests.support.clock import ManualClock
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import MemoryLedger, SearchableMemoryLedger


@pytest.fixture
def earlier(send: Send) -> None:
    send(run=dataclasses.replace(RUN, run_id="manual__0"))


@pytest.mark.usefixtures("earlier")
def test_the_same_part_of_another_run_is_refused(service: FakeService, send: Send) -> None:
    with pytest.raises(SendingRefused, match="by run 'manual__0' of task 'send' .* as batch b1"):
        send(deduplicate_for=timedelta(days=1))
    assert len(service.batches) == 1


@pytest.mark.usefixtures("earlier")
def test_no_other_part_is_sent_then(service: FakeService, send: Send) -> None:
    with pytest.raises(SendingRefused):
        send(part(1, recipients=(7, 8)), dataclasses.replace(FIRST, number=2), deduplicate_for=timedelta(days=1))
    assert len(service.batches) == 1


@pytest.mark.usefixtures("earlier")
def test_after_the_time_it_is_sent(service: FakeService, clock: ManualClock, send: Send) -> None:
    clock.now += 3601
    send(deduplicate_for=timedelta(hours=1))
    assert len(service.batches) == 2


@pytest.mark.usefixtures("earlier")
def test_another_part_is_sent(service: FakeService, send: Send) -> None:
    send(SECOND, deduplicate_for=timedelta(hours=1))
    assert len(service.batches) == 2


def test_what_the_service_refused_does_not_count(service: FakeService, send: Send) -> None:
    answers(service, Answer.REFUSED)
    with pytest.raises(InvalidRequest):
        send(run=dataclasses.replace(RUN, run_id="manual__0"))
    assert [one.how for one in send(deduplicate_for=timedelta(hours=1))] == [How.SENT]


def test_another_try_of_the_same_run_does_not_count(send: Send) -> None:
    send(deduplicate_for=timedelta(hours=1))
    assert [one.how for one in send(deduplicate_for=timedelta(hours=1))] == [How.KNOWN]


def test_two_runs_at_once_do_not_both_send(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    def before(name: str) -> None:
        if name == "add":
            ledger.before = lambda _: None
            ledger.add(intended(FIRST, clock.now, run=dataclasses.replace(RUN, run_id="manual__0")))

    ledger.before = before
    with pytest.raises(SendingRefused, match="run 'manual__0' .* its batch is not known yet"):
        send(deduplicate_for=timedelta(hours=1))
    assert not service.batches
    assert entry_of(ledger).state is EntryState.NOT_CREATED


def test_it_needs_a_ledger_that_finds_other_runs(make_sender: Callable[..., CampaignSender]) -> None:
    with pytest.raises(InvalidRequest, match="set ledger_conn_id"):
        make_sender(ledger=MemoryLedger(), deduplicate_for=timedelta(hours=1))


def test_it_must_be_positive(make_sender: Callable[..., CampaignSender]) -> None:
    with pytest.raises(InvalidRequest, match="positive"):
        make_sender(deduplicate_for=timedelta())
