"""The parts of a campaign are sent: each as one batch, and never twice."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import (
    BatchesPending,
    InvalidRequest,
    LedgerConflict,
    LedgerUnavailable,
    NotFound,
    SendingRefused,
    ServiceUnavailable,
)
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.campaigns.sent_part import How, SentPart
from tests.support.campaigns import RUN, SENDER, ListPlan, intended, message, part
from tests.support.clock import ManualClock
from tests.support.fake_service import Answer, FakeService
from tests.support.memory_ledger import MemoryLedger, SearchableMemoryLedger

MINUTES = 60.0
LOOKUP_TIME = 10 * MINUTES

FIRST, SECOND = part(1, recipients=(1, 2, 3, 4)), part(2, recipients=(5, 6))
NUMBERS = [message(number).to for number in range(1, 7)]

Kept = list[tuple[str, list[tuple[str, str | None]]]]


class Killed(BaseException):
    """The process was killed here."""


@pytest.fixture
def service(clock: ManualClock) -> FakeService:
    return FakeService(clock)


@pytest.fixture
def ledger() -> SearchableMemoryLedger:
    return SearchableMemoryLedger()


@pytest.fixture
def kept() -> Kept:
    """The rejected recipients that were kept, with their error codes, by batch."""
    return []


@pytest.fixture
def make_sender(
    service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, kept: Kept
) -> Callable[..., CampaignSender]:
    def keep(of: Part, batch: Batch) -> None:
        kept.append((batch.id, [(one.to[0], one.error_code) for one in batch.rejected]))

    def make(**arguments: Any) -> CampaignSender:
        given = {"from_number": SENDER, "run": RUN, "keep_rejected": keep, "clock": clock, "sleep": clock.sleep}
        return CampaignSender(service.client, **{"ledger": ledger, **given, **arguments})

    return make


@pytest.fixture
def send(make_sender: Callable[..., CampaignSender]) -> Callable[..., list[SentPart]]:
    """Sends parts, as one try."""

    def send(*parts: Part, **arguments: Any) -> list[SentPart]:
        return list(make_sender(**arguments).send(ListPlan(*(parts or (FIRST,)))))

    return send


Send = Callable[..., list[SentPart]]


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


class TestSending:
    """Nothing goes wrong."""

    def test_each_part_is_sent_as_one_batch(self, service: FakeService, send: Send) -> None:
        assert send(FIRST, SECOND) == [
            SentPart(part=1, batch_id="b1", size=4, rejected_count=0, how=How.SENT),
            SentPart(part=2, batch_id="b2", size=2, rejected_count=0, how=How.SENT),
        ]
        assert service.received == once(1, 2, 3, 4, 5, 6)

    def test_the_ledger_ends_with_the_batches(self, ledger: SearchableMemoryLedger, send: Send) -> None:
        send(FIRST, SECOND)
        assert states(ledger) == {1: EntryState.RECORDED, 2: EntryState.RECORDED}
        assert [entry.batch_id for entry in ledger.stored.values()] == ["b1", "b2"]

    def test_a_part_is_sent_when_the_result_is_asked_for(
        self, service: FakeService, make_sender: Callable[..., CampaignSender]
    ) -> None:
        sent = make_sender().send(ListPlan(FIRST, SECOND))
        assert not service.batches
        next(sent)
        assert len(service.batches) == 1

    def test_another_try_sends_nothing(self, service: FakeService, send: Send) -> None:
        send(FIRST, SECOND)
        assert [one.how for one in send(FIRST, SECOND)] == [How.KNOWN, How.KNOWN]
        assert len(service.batches) == 2

    def test_another_try_sends_the_parts_that_are_missing(self, service: FakeService, send: Send) -> None:
        answers(service, Answer.CREATED, Answer.REFUSED)
        with pytest.raises(InvalidRequest):
            send(FIRST, SECOND)
        assert [one.how for one in send(FIRST, SECOND)] == [How.KNOWN, How.SENT]
        assert service.received == once(1, 2, 3, 4, 5, 6)

    def test_a_new_run_sends_again(self, service: FakeService, send: Send) -> None:
        send()
        send(run=dataclasses.replace(RUN, run_id="manual__2"))
        assert len(service.batches) == 2

    def test_the_intent_is_noted_before_the_request_leaves(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        service.step = lambda name: seen.append((name, states(ledger)))
        seen: list[Any] = []
        send()
        assert seen[0] == ("request leaves", {1: EntryState.INTENDED})

    def test_a_part_without_recipients_is_skipped(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        (sent,) = send(part(recipients=(), opted_out=(1, 2)))
        assert sent == SentPart(part=1, batch_id=None, size=0, rejected_count=0, how=How.SKIPPED)
        assert states(ledger) == {1: EntryState.SKIPPED}
        assert not service.batches

    def test_a_part_that_was_skipped_is_not_sent_later(self, service: FakeService, send: Send) -> None:
        send(part(recipients=(), opted_out=(1, 2)))
        (sent,) = send(part(recipients=(1, 2)))
        assert sent.how is How.SKIPPED
        assert not service.batches

    def test_no_recipient_and_no_text_is_in_the_ledger(self, ledger: SearchableMemoryLedger, send: Send) -> None:
        send()
        assert "+1415" not in repr(ledger.stored)
        assert "Hello" not in repr(ledger.stored)


class TestChangedPlan:
    """The recipients or texts are not those of an earlier try."""

    def test_changed_recipients_are_refused_before_anything_is_sent(self, service: FakeService, send: Send) -> None:
        answers(service, Answer.CREATED, Answer.REFUSED)
        with pytest.raises(InvalidRequest):
            send(FIRST, SECOND)
        with pytest.raises(SendingRefused, match=r"changed since an earlier try.* the first is part 1"):
            send(part(1, recipients=(1, 2, 3)), SECOND)
        assert len(service.batches) == 1

    def test_a_part_that_is_gone_is_refused(self, send: Send) -> None:
        send(FIRST, SECOND)
        with pytest.raises(SendingRefused, match="changed since an earlier try"):
            send(FIRST)

    def test_changed_recipients_are_refused_while_an_outcome_is_unknown(
        self, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now))
        with pytest.raises(SendingRefused, match="changed since an earlier try"):
            send(part(recipients=(1, 2)))

    def test_a_part_that_the_service_refused_may_be_corrected(self, service: FakeService, send: Send) -> None:
        answers(service, Answer.REFUSED)
        with pytest.raises(InvalidRequest):
            send()
        send(part(recipients=(1, 2)))
        assert service.received == once(1, 2)

    def test_a_part_that_changes_between_two_passes_is_refused(
        self, service: FakeService, make_sender: Callable[..., CampaignSender]
    ) -> None:
        plan = ListPlan(FIRST, SECOND)
        sent = make_sender().send(plan)
        plan.parts = (FIRST, part(2, recipients=(5, 7)))
        next(sent)
        with pytest.raises(SendingRefused, match="Part 2 changed while"):
            next(sent)
        assert service.received == once(1, 2, 3, 4)

    def test_someone_who_opts_out_between_two_tries_changes_nothing(self, service: FakeService, send: Send) -> None:
        answers(service, Answer.REFUSED)
        with pytest.raises(InvalidRequest):
            send()
        send(part(recipients=(1, 2, 4), opted_out=(3,)))
        assert service.received == once(1, 2, 4)


class TestUnknownOutcome:
    """No answer says whether a batch was created."""

    def test_a_batch_whose_answer_was_lost_is_found_by_the_same_try(self, service: FakeService, send: Send) -> None:
        answers(service, Answer.LOST)
        assert [one.how for one in send()] == [How.ADOPTED]
        assert service.received == once(1, 2, 3, 4)

    def test_a_batch_that_is_listed_late_is_found(self, service: FakeService, send: Send) -> None:
        service.delay = LOOKUP_TIME
        answers(service, Answer.LATE)
        assert [one.how for one in send()] == [How.ADOPTED]
        assert service.received == once(1, 2, 3, 4)

    def test_a_part_that_was_surely_not_created_is_sent_by_the_same_try(
        self, service: FakeService, clock: ManualClock, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        answers(service, Answer.NEVER_CREATED)
        began = clock.now
        assert [one.how for one in send()] == [How.SENT]
        assert clock.now >= began + LOOKUP_TIME
        assert entry_of(ledger).attempts == 2

    def test_after_two_requests_without_an_answer_the_try_ends(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        answers(service, Answer.NEVER_CREATED, Answer.NEVER_CREATED)
        with pytest.raises(ServiceUnavailable, match="2 times without an answer"):
            send()
        assert states(ledger) == {1: EntryState.NOT_CREATED}

    def test_an_intent_of_an_earlier_try_is_looked_for(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now))
        service.create(FIRST.messages)
        assert [one.how for one in send()] == [How.ADOPTED]
        assert entry_of(ledger).batch_id == "b1"
        assert len(service.batches) == 1

    def test_two_equal_batches_are_refused(self, service: FakeService, send: Send) -> None:
        service.create(FIRST.messages)
        answers(service, Answer.LOST)
        with pytest.raises(SendingRefused) as refused:
            send()
        assert "batch b1" in str(refused.value)
        assert "batch b2" in str(refused.value)
        assert "Decide on part 1." in str(refused.value)
        assert "+1415" not in str(refused.value)

    def test_what_was_refused_as_not_sure_is_looked_for_again_by_the_next_try(
        self, service: FakeService, send: Send
    ) -> None:
        answers(service, Answer.LOST)
        service.create(FIRST.messages, shown=1)
        with pytest.raises(SendingRefused):
            send()
        service.batches.pop(0)
        assert [one.how for one in send()] == [How.ADOPTED]
        assert service.received == once(1, 2, 3, 4)

    def test_a_part_whose_recipients_have_all_opted_out_since_is_looked_for(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now))
        service.create(FIRST.messages)
        (sent,) = send(part(recipients=(), opted_out=(1, 2, 3, 4)))
        assert sent.how is How.ADOPTED

    def test_the_batch_of_another_run_is_not_taken(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        send(run=dataclasses.replace(RUN, run_id="manual__0"))
        answers(service, Answer.NEVER_CREATED)
        assert [one.how for one in send()] == [How.SENT]
        assert entry_of(ledger).batch_id == "b2"

    def test_a_batch_that_may_be_another_runs_is_refused(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now, run=dataclasses.replace(RUN, run_id="manual__0")))
        answers(service, Answer.LOST)
        with pytest.raises(SendingRefused, match="run 'manual__0' .part 1. was about to send the same"):
            send()

    def test_an_old_intent_of_another_run_is_no_hindrance(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now - 16 * MINUTES, run=dataclasses.replace(RUN, run_id="manual__0")))
        answers(service, Answer.LOST)
        assert [one.how for one in send()] == [How.ADOPTED]


class TestRefusal:
    """The service refuses a request."""

    def test_the_error_is_raised_and_the_next_try_sends_without_looking(
        self, service: FakeService, clock: ManualClock, send: Send
    ) -> None:
        answers(service, Answer.REFUSED)
        with pytest.raises(InvalidRequest, match="400"):
            send()
        assert [one.how for one in send()] == [How.SENT]
        assert not service.reads["batches"]
        assert not clock.slept

    def test_a_refusal_that_cannot_be_noted_is_raised_all_the_same(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        answers(service, Answer.REFUSED)
        ledger.before = raise_once(LedgerUnavailable("The ledger did not answer."), at="replace")
        with pytest.raises(InvalidRequest, match="400"):
            send()
        assert states(ledger) == {1: EntryState.INTENDED}

    def test_an_error_that_says_nothing_of_the_outcome_leaves_the_intent(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        service.step = raise_once(ServiceUnavailable("The connection was lost."), at="answer arrives")
        with pytest.raises(ServiceUnavailable):
            send()
        assert states(ledger) == {1: EntryState.INTENDED}
        assert [one.how for one in send()] == [How.ADOPTED]


class TestLedgerFailures:
    """The ledger cannot be read or written."""

    def test_without_a_noted_intent_nothing_is_sent(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        ledger.before = raise_once(LedgerUnavailable("The ledger did not answer."), at="add")
        with pytest.raises(LedgerUnavailable):
            send()
        assert not service.batches

    def test_an_intent_whose_noting_was_not_confirmed_sends_nothing(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        ledger.after = raise_once(LedgerUnavailable("The ledger did not answer."), at="intended")
        with pytest.raises(LedgerUnavailable):
            send()
        assert not service.batches
        assert [one.how for one in send()] == [How.SENT]

    def test_noting_the_batch_is_repeated(self, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send) -> None:
        ledger.before = raise_once(LedgerUnavailable("The ledger did not answer."), at="replace", times=3)
        assert [one.how for one in send()] == [How.SENT]
        assert clock.slept == [1.0, 2.0, 4.0]

    def test_a_batch_that_was_noted_without_confirmation_is_noted_once(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        ledger.after = raise_once(LedgerUnavailable("The ledger did not answer."), at="created")
        assert [one.how for one in send()] == [How.SENT]
        assert entry_of(ledger).batch_id == "b1"

    def test_a_batch_that_cannot_be_noted_is_in_the_log_and_found_by_the_next_try(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send, caplog: pytest.LogCaptureFixture
    ) -> None:
        ledger.before = raise_once(LedgerUnavailable("The ledger did not answer."), at="replace", times=7)
        with caplog.at_level(logging.WARNING), pytest.raises(LedgerUnavailable):
            send()
        assert "Part 1 was created as batch b1, which is not noted" in caplog.text
        assert [one.how for one in send()] == [How.ADOPTED]
        assert service.received == once(1, 2, 3, 4)

    @pytest.mark.parametrize(("lookup_time", "taken"), [(600, 31.0), (20, 21.0)])
    def test_an_intent_that_took_too_long_to_note_is_noted_again(
        self, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send, lookup_time: float, taken: float
    ) -> None:
        slow = iter([taken, 0.0])
        ledger.after = lambda state: ManualClock.sleep(clock, next(slow)) if state == "intended" else None
        began = clock.now
        send(lookup_time=timedelta(seconds=lookup_time))
        entry = entry_of(ledger)
        assert (entry.first_intended_at.timestamp(), entry.intended_at.timestamp()) == (began, began + taken)

    def test_a_ledger_that_is_always_slow_sends_nothing(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        ledger.after = lambda state: ManualClock.sleep(clock, 31.0)
        with pytest.raises(LedgerUnavailable, match="longer than 30 s, 3 times"):
            send()
        assert not service.batches
        assert states(ledger) == {1: EntryState.NOT_CREATED}


class TestTwoTries:
    """Another try of the same task is at work."""

    @staticmethod
    def meddle(service: FakeService, at: str, change: Callable[[], object]) -> None:
        """Let another try change the ledger between two steps of this one."""

        def step(name: str) -> None:
            if name == at:
                service.step = lambda _: None
                change()

        service.step = step

    def test_a_part_whose_intent_another_try_has_noted_is_not_sent(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
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
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        def before(name: str) -> None:
            if name == "add":
                ledger.before = lambda _: None
                send()

        ledger.before = before
        assert [one.how for one in send()] == [How.KNOWN]
        assert service.received == once(1, 2, 3, 4)

    def test_a_batch_that_another_try_has_found_first_is_the_same(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        def adopt() -> None:
            entry = entry_of(ledger)
            ledger.replace(dataclasses.replace(entry, state=EntryState.CREATED, batch_id="b1", revision=2))

        self.meddle(service, "answer arrives", adopt)
        assert [one.how for one in send()] == [How.SENT]
        assert states(ledger) == {1: EntryState.RECORDED}

    def test_a_try_that_learns_its_batch_too_late_notes_it_and_says_that_two_may_exist(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        def intend_again() -> None:
            ledger.replace(dataclasses.replace(entry_of(ledger), attempts=2, revision=2))

        self.meddle(service, "answer arrives", intend_again)
        with pytest.raises(SendingRefused, match="created as batch b1, but another try .* may have created a batch"):
            send()
        assert entry_of(ledger).batch_id == "b1"

    def test_two_different_batches_of_a_part_are_both_named(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        def note_another() -> None:
            entry = entry_of(ledger)
            ledger.replace(dataclasses.replace(entry, state=EntryState.CREATED, batch_id="b9", revision=2))

        self.meddle(service, "answer arrives", note_another)
        with pytest.raises(SendingRefused, match="batch b1, but another try .* has batch b9"):
            send()

    def test_the_batch_is_noted_though_a_person_removed_the_entry(
        self, service: FakeService, ledger: SearchableMemoryLedger, send: Send
    ) -> None:
        self.meddle(service, "answer arrives", ledger.stored.clear)
        send()
        assert entry_of(ledger).batch_id == "b1"


class TestDeduplication:
    """`deduplicate_for` refuses what another run has sent."""

    @pytest.fixture
    def earlier(self, send: Send) -> None:
        send(run=dataclasses.replace(RUN, run_id="manual__0"))

    @pytest.mark.usefixtures("earlier")
    def test_the_same_part_of_another_run_is_refused(self, service: FakeService, send: Send) -> None:
        with pytest.raises(SendingRefused, match="by run 'manual__0' of task 'send' .* as batch b1"):
            send(deduplicate_for=timedelta(days=1))
        assert len(service.batches) == 1

    @pytest.mark.usefixtures("earlier")
    def test_no_other_part_is_sent_then(self, service: FakeService, send: Send) -> None:
        with pytest.raises(SendingRefused):
            send(part(1, recipients=(7, 8)), dataclasses.replace(FIRST, number=2), deduplicate_for=timedelta(days=1))
        assert len(service.batches) == 1

    @pytest.mark.usefixtures("earlier")
    def test_after_the_time_it_is_sent(self, service: FakeService, clock: ManualClock, send: Send) -> None:
        clock.now += 3601
        send(deduplicate_for=timedelta(hours=1))
        assert len(service.batches) == 2

    @pytest.mark.usefixtures("earlier")
    def test_another_part_is_sent(self, service: FakeService, send: Send) -> None:
        send(SECOND, deduplicate_for=timedelta(hours=1))
        assert len(service.batches) == 2

    def test_what_the_service_refused_does_not_count(self, service: FakeService, send: Send) -> None:
        answers(service, Answer.REFUSED)
        with pytest.raises(InvalidRequest):
            send(run=dataclasses.replace(RUN, run_id="manual__0"))
        assert [one.how for one in send(deduplicate_for=timedelta(hours=1))] == [How.SENT]

    def test_another_try_of_the_same_run_does_not_count(self, send: Send) -> None:
        send(deduplicate_for=timedelta(hours=1))
        assert [one.how for one in send(deduplicate_for=timedelta(hours=1))] == [How.KNOWN]

    def test_two_runs_at_once_do_not_both_send(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
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

    def test_it_needs_a_ledger_that_finds_other_runs(self, make_sender: Callable[..., CampaignSender]) -> None:
        with pytest.raises(InvalidRequest, match="set ledger_conn_id"):
            make_sender(ledger=MemoryLedger(), deduplicate_for=timedelta(hours=1))

    def test_it_must_be_positive(self, make_sender: Callable[..., CampaignSender]) -> None:
        with pytest.raises(InvalidRequest, match="positive"):
            make_sender(deduplicate_for=timedelta())


class TestRejectedRecipients:
    """Only the first answer names rejected recipients."""

    @pytest.fixture(autouse=True)
    def rejecting(self, service: FakeService) -> None:
        service.rejecting = frozenset({NUMBERS[1]})

    def test_those_of_the_answer_are_kept_with_their_error_codes(self, kept: Kept, send: Send) -> None:
        (sent,) = send()
        assert (sent.size, sent.rejected_count) == (4, 1)
        assert kept == [("b1", [(NUMBERS[1], "SMS-RC-410")])]

    def test_they_are_kept_before_the_part_is_done(
        self, ledger: SearchableMemoryLedger, make_sender: Callable[..., CampaignSender]
    ) -> None:
        seen: list[EntryState] = []
        sender = make_sender(keep_rejected=lambda part, batch: seen.append(entry_of(ledger).state))
        list(sender.send(ListPlan(FIRST)))
        assert seen == [EntryState.CREATED]

    def test_without_any_nothing_is_kept(self, service: FakeService, kept: Kept, send: Send) -> None:
        service.rejecting = frozenset()
        send()
        assert not kept

    def test_those_of_a_lost_answer_are_derived(self, service: FakeService, kept: Kept, send: Send) -> None:
        answers(service, Answer.LOST)
        (sent,) = send()
        assert sent.rejected_count == 1
        assert kept == [("b1", [(NUMBERS[1], None)])]

    def test_those_of_a_try_that_died_before_they_were_kept_are_derived(
        self, ledger: SearchableMemoryLedger, kept: Kept, send: Send
    ) -> None:
        ledger.after = raise_once(Killed(), at="created")
        with pytest.raises(Killed):
            send()
        (sent,) = send()
        assert (sent.how, sent.rejected_count) == (How.KNOWN, 1)
        assert kept == [("b1", [(NUMBERS[1], None)])]

    def test_they_are_kept_again_if_the_try_died_before_that_was_noted(
        self, ledger: SearchableMemoryLedger, kept: Kept, send: Send
    ) -> None:
        ledger.before = killed_at_the_second_change()
        with pytest.raises(Killed):
            send()
        send()
        assert [batch_id for batch_id, _ in kept] == ["b1", "b1"]

    def test_they_are_counted_if_nobody_keeps_them(self, service: FakeService, send: Send) -> None:
        answers(service, Answer.LOST)
        (sent,) = send(keep_rejected=None)
        assert sent.rejected_count == 1

    def test_one_that_has_opted_out_since_is_not_among_them(
        self, service: FakeService, ledger: SearchableMemoryLedger, kept: Kept, clock: ManualClock, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now))
        service.create(FIRST.messages)
        send(part(recipients=(1, 2, 4), opted_out=(3,)))
        assert kept == [("b1", [(NUMBERS[1], None)])]

    def test_they_are_not_derived_while_messages_are_missing_from_the_list(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, kept: Kept, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
        service.create(FIRST.messages, shown=2)
        with pytest.raises(BatchesPending, match="Of 3 messages 2 are listed"):
            send()
        assert not kept

    def test_they_are_derived_when_the_batch_is_listed_late(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, kept: Kept, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
        service.create(FIRST.messages, listed_from=clock.now + MINUTES)
        (sent,) = send()
        assert sent.rejected_count == 1
        assert kept == [("b1", [(NUMBERS[1], None)])]

    def test_a_batch_that_stays_missing_is_an_error(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
        service.create(FIRST.messages, listed_from=clock.now + 2 * LOOKUP_TIME)
        with pytest.raises(NotFound):
            send()

    def test_they_are_counted_if_messages_of_a_completed_batch_stay_missing(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, kept: Kept, send: Send
    ) -> None:
        ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
        service.create(FIRST.messages, shown=2, status="Completed")
        (sent,) = send()
        assert sent.rejected_count == 1
        assert not kept

    def test_without_rejected_ones_no_message_is_read(
        self, service: FakeService, ledger: SearchableMemoryLedger, clock: ManualClock, send: Send
    ) -> None:
        service.rejecting = frozenset()
        ledger.add(intended(FIRST, clock.now, state=EntryState.CREATED, batch_id="b1"))
        service.create(FIRST.messages)
        send()
        assert not service.reads["messages"]


def killed_at_the_second_change() -> Callable[[str], None]:
    calls: list[str] = []

    def before(name: str) -> None:
        calls.append(name)
        if name == "replace" and calls.count("replace") == 2:
            raise Killed

    return before


@pytest.mark.parametrize(
    ("place", "at"),
    [("before", "add"), ("after", "intended"), ("before", "replace"), ("after", "created"), ("after", "recorded"),
     ("service", "request leaves"), ("service", "answer arrives")],
)  # fmt: skip
def test_wherever_a_try_is_killed_the_next_one_sends_once(
    service: FakeService, ledger: SearchableMemoryLedger, send: Send, place: str, at: str
) -> None:
    kill = raise_once(Killed(), at=at)
    setattr(*((service, "step", kill) if place == "service" else (ledger, place, kill)))
    with pytest.raises(Killed):
        send()
    send()
    assert service.received == once(1, 2, 3, 4)
