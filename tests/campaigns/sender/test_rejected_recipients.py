"""Only the first answer names rejected recipients."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_hvsms.api.errors import (
    BatchesPending,
    NotFound,
)
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.campaigns.sent_part import How
from tests.campaigns.sender.steps import (
    FIRST,
    LOOKUP_TIME,
    MINUTES,
    NUMBERS,
    Kept,
    Killed,
    Send,
    answers,
    entry_of,
    raise_once,
)
from tests.support.campaigns import ListPlan, intended, part
from tests.support.clock import ManualClock
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import SearchableMemoryLedger


def killed_at_the_second_change() -> Callable[[str], None]:
    calls: list[str] = []

    def before(name: str) -> None:
        calls.append(name)
        if name == "replace" and calls.count("replace") == 2:
            raise Killed

    return before


@pytest.fixture(autouse=True)
def rejecting(service: FakeService) -> None:
    service.rejecting = frozenset({NUMBERS[1]})


def test_those_of_the_answer_are_kept_with_their_error_codes(kept: Kept, send: Send) -> None:
    (sent,) = send()
    assert (sent.size, sent.rejected_count) == (4, 1)
    assert kept == [("b1", [(NUMBERS[1], "SMS-RC-410")])]


def test_they_are_kept_before_the_part_is_done(
    ledger: SearchableMemoryLedger, make_sender: Callable[..., CampaignSender]
) -> None:
    seen: list[EntryState] = []
    sender = make_sender(keep_rejected=lambda part, batch: seen.append(entry_of(ledger).state))
    list(sender.send(ListPlan(FIRST)))
    assert seen == [EntryState.CREATED]


def test_without_any_nothing_is_kept(service: FakeService, kept: Kept, send: Send) -> None:
    service.rejecting = frozenset()
    send()
    assert not kept


def test_those_of_a_lost_answer_are_derived(service: FakeService, kept: Kept, send: Send) -> None:
    answers(service, Answer.LOST)
    (sent,) = send()
    assert sent.rejected_count == 1
    assert kept == [("b1", [(NUMBERS[1], None)])]


def test_those_of_a_try_that_died_before_they_were_kept_are_derived(
    ledger: SearchableMemoryLedger, kept: Kept, send: Send
) -> None:
    ledger.after = raise_once(Killed(), at="created")
    with pytest.raises(Killed):
        send()
    (sent,) = send()
    assert (sent.how, sent.rejected_count) == (How.KNOWN, 1)
    assert kept == [("b1", [(NUMBERS[1], None)])]


def test_they_are_kept_again_if_the_try_died_before_that_was_noted(
    ledger: SearchableMemoryLedger, kept: Kept, send: Send
) -> None:
    ledger.before = killed_at_the_second_change()
    with pytest.raises(Killed):
        send()
    send()
    assert [batch_id for batch_id, _ in kept] == ["b1", "b1"]


def test_they_are_counted_if_nobody_keeps_them(service: FakeService, send: Send) -> None:
    answers(service, Answer.LOST)
    (sent,) = send(keep_rejected=None)
    assert sent.rejected_count == 1


def test_one_that_has_opted_out_since_is_not_among_them(
    service: FakeService, ledger: SearchableMemoryLedger, kept: Kept, clock: ManualClock, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now))
    service.create(FIRST.messages)
    send(part(recipients=(1, 2, 4), opted_out=(3,)))
    assert kept == [("b1", [(NUMBERS[1], None)])]


def test_they_are_not_derived_while_messages_are_missing_from_the_list(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, kept: Kept, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
    service.create(FIRST.messages, shown=2)
    with pytest.raises(BatchesPending, match="Of 3 messages 2 are listed"):
        send()
    assert not kept


def test_they_are_derived_when_the_batch_is_listed_late(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, kept: Kept, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
    service.create(FIRST.messages, listed_from=clock.now + MINUTES)
    (sent,) = send()
    assert sent.rejected_count == 1
    assert kept == [("b1", [(NUMBERS[1], None)])]


def test_a_batch_that_stays_missing_is_an_error(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
    service.create(FIRST.messages, listed_from=clock.now + 2 * LOOKUP_TIME)
    with pytest.raises(NotFound):
        send()


def test_they_are_counted_if_messages_of_a_completed_batch_stay_missing(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, kept: Kept, send: Send
) -> None:
    ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
    service.create(FIRST.messages, shown=2, status="Completed")
    (sent,) = send()
    assert sent.rejected_count == 1
    assert not kept


def test_without_rejected_ones_no_message_is_read(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
) -> None:
    service.rejecting = frozenset()
    ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
    service.create(FIRST.messages)
    send()
    assert not service.reads["messages"]
