"""The batch of a part is looked for when no answer says whether it was created."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from airflow_provider_hvsms.api.errors import PermissionDenied, ServiceUnavailable
from airflow_provider_hvsms.api.records import Message, Reject
from airflow_provider_hvsms.campaigns.lookup import Found, NotCreated, Outcome, OutcomeLookup, Undecided
from airflow_provider_hvsms.campaigns.match import Match
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.campaigns.part_record import noting_time
from tests.support.campaigns import SENDER, intended, message, part
from tests.support.clock import ManualClock
from tests.support.fake_service import FakeService

MINUTES = 60.0
LOOKUP_TIME = 10 * MINUTES
NOTING_TIME = 30.0
"""Within which the request of another process leaves after its intent, in seconds."""


@pytest.fixture
def service(clock: ManualClock) -> FakeService:
    return FakeService(clock)


@pytest.fixture
def find(service: FakeService, clock: ManualClock) -> Callable[..., Outcome]:
    """Looks for the batch of a part that was about to be sent a number of seconds ago, by this process."""

    def find(wanted: Part, *, ago: float = 0.0, own_clock: bool = True, **values: int) -> Outcome:
        lookup = OutcomeLookup(service.client, from_number=SENDER, clock=clock, sleep=clock.sleep)
        return lookup.find(intended(wanted, clock.now - ago, **values), wanted, own_clock=own_clock)

    return find


def batch_id_of(outcome: Outcome) -> str:
    assert isinstance(outcome, Found)
    return outcome.batch.id


def match_of(outcome: Outcome) -> Match:
    assert isinstance(outcome, Undecided)
    (candidate,) = outcome.candidates
    return candidate.match


def change(records: list[Message], place: int, **values: object) -> None:
    records[place] = msgspec.structs.replace(records[place], **values)


def test_its_batch_is_found(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.create(part().messages)
    assert batch_id_of(find(part())) == "b1"


def test_a_batch_is_taken_after_a_second_look_a_few_seconds_later(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    find(part())
    assert clock.slept == [5.0]


def test_the_messages_of_a_batch_that_matches_are_read_once(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.create(part().messages)
    find(part())
    assert service.reads == {"batches": 2, "messages": 1}


def test_without_a_batch_it_was_not_created(find: Callable[..., Outcome]) -> None:
    assert find(part()) == NotCreated()


def test_not_before_the_time_has_passed_is_it_sure_that_nothing_was_created(
    clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    began = clock.now
    find(part())
    assert clock.now == began + LOOKUP_TIME


def test_the_intervals_of_the_looks_increase(clock: ManualClock, find: Callable[..., Outcome]) -> None:
    find(part())
    assert clock.slept[:-1] == sorted(clock.slept[:-1])
    assert len(clock.slept) >= 3


def test_an_intent_of_another_process_is_given_five_minutes_more_as_its_clock_may_differ(
    clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    began = clock.now
    find(part(), ago=8 * MINUTES, own_clock=False)
    assert clock.now == began + 7 * MINUTES + NOTING_TIME


def test_an_intent_from_the_future_by_its_clock_waits_no_longer_than_the_time(
    clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    began = clock.now
    find(part(), ago=-3 * MINUTES, own_clock=False)
    assert clock.now == began + LOOKUP_TIME + NOTING_TIME


def test_a_short_time_is_counted_from_when_the_request_of_another_process_may_have_left(
    service: FakeService, clock: ManualClock
) -> None:
    lookup_time = timedelta(seconds=20)
    lookup = OutcomeLookup(service.client, from_number=SENDER, lookup_time=lookup_time, clock=clock, sleep=clock.sleep)
    began = clock.now
    lookup.find(intended(part(), clock.now), part())
    assert clock.now - began == (noting_time(lookup_time) + lookup_time).total_seconds() == 40.0


def test_long_after_the_intent_three_looks_are_made(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    assert find(part(), ago=24 * 60 * MINUTES) == NotCreated()
    assert service.reads["batches"] == 3
    assert sum(clock.slept) < MINUTES


def test_a_batch_that_is_listed_in_the_last_moment_is_found(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages, listed_from=clock.now + LOOKUP_TIME)
    assert batch_id_of(find(part())) == "b1"


def test_a_batch_whose_messages_are_listed_bit_by_bit_is_found(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = service.create(part().messages, shown=0)

    def sleep(seconds: float) -> None:
        ManualClock.sleep(clock, seconds)
        stored.shown = len(clock.slept)

    monkeypatch.setattr(clock, "sleep", sleep)
    assert batch_id_of(find(part())) == "b1"
    assert service.reads["messages"] == 5


def test_a_batch_of_other_recipients_is_not_its_batch(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.create([message(1), message(2), message(99)])
    assert find(part()) == NotCreated()


def test_the_messages_of_a_batch_of_others_are_read_once(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.create([message(99)])
    find(part())
    assert service.reads["messages"] == 1


def test_the_messages_of_a_batch_that_is_too_large_are_not_read(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    service.create([message(number) for number in range(5)])
    assert find(part()) == NotCreated()
    assert not service.reads["messages"]


def test_a_batch_from_before_the_intent_is_not_its_batch(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    clock.now += 5 * MINUTES + 1
    assert find(part()) == NotCreated()


def test_a_batch_is_found_though_the_clock_of_the_service_is_five_minutes_slow(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    clock.now += 5 * MINUTES
    assert batch_id_of(find(part())) == "b1"


def test_a_batch_from_long_after_the_intent_is_not_its_batch(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    assert find(part(), ago=LOOKUP_TIME + NOTING_TIME + 5 * MINUTES + 1) == NotCreated()


def test_a_batch_of_the_first_of_several_requests_is_found(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    entry = intended(part(), clock.now)
    clock.now += 60 * MINUTES
    later = dataclasses.replace(entry, intended_at=entry.intended_at + timedelta(hours=1), attempts=2)
    lookup = OutcomeLookup(service.client, from_number=SENDER, clock=clock, sleep=clock.sleep)
    assert batch_id_of(lookup.find(later, part(), own_clock=True)) == "b1"


def test_a_batch_that_is_noted_for_another_part_is_left_out(service: FakeService, clock: ManualClock) -> None:
    service.create(part().messages)
    lookup = OutcomeLookup(service.client, from_number=SENDER, clock=clock, sleep=clock.sleep)
    assert lookup.find(intended(part(), clock.now), part(), taken=lambda: {"b1"}) == NotCreated()


def test_a_batch_without_its_rejected_recipients_is_found(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.rejecting = frozenset({message(2).to})
    service.create(part().messages)
    assert batch_id_of(find(part())) == "b1"


def test_a_batch_is_found_though_a_recipient_has_opted_out_since(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    assert batch_id_of(find(part(recipients=(1, 2, 4), opted_out=(3,)), size=4)) == "b1"


def test_a_batch_is_found_though_a_recipient_has_opted_in_again(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    service.create([message(1), message(2), message(4)])
    assert batch_id_of(find(part(), size=3)) == "b1"


def test_recipients_that_are_listed_without_their_plus_are_the_same(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    stored = service.create(part().messages)
    for place, one in enumerate(stored.messages):
        change(stored.messages, place, to=(one.to[0].removeprefix("+"),))
    assert batch_id_of(find(part())) == "b1"


def test_a_message_without_a_text_is_read_by_itself(
    service: FakeService, find: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = service.create(part().messages)
    complete = stored.messages[1]
    change(stored.messages, 1, text=None)
    monkeypatch.setattr(service, "get_message", {complete.id: complete}.__getitem__)
    assert batch_id_of(find(part())) == "b1"


def test_two_equal_batches_are_not_told_apart(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.create(part().messages)
    service.create(part().messages)
    outcome = find(part())
    assert isinstance(outcome, Undecided)
    assert [one.match for one in outcome.candidates] == [Match.COMPLETE, Match.COMPLETE]


def test_two_equal_batches_are_not_waited_for(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    service.create(part().messages)
    find(part())
    assert clock.slept == [5.0]


def test_an_equal_batch_that_is_listed_a_moment_later_is_noticed(
    service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    service.create(part().messages, listed_from=clock.now + 5)
    assert isinstance(find(part()), Undecided)


def test_a_batch_that_matches_is_not_taken_while_another_may_turn_out_to_match(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages)
    service.create(part().messages, shown=2)
    assert isinstance(find(part()), Undecided)


@pytest.mark.parametrize("shown", [0, 3])
def test_a_batch_whose_messages_are_not_all_listed_in_the_end_is_not_sure(
    service: FakeService, find: Callable[..., Outcome], shown: int
) -> None:
    service.create(part().messages, shown=shown)
    assert match_of(find(part())) is Match.INCOMPLETE


def test_a_batch_without_a_size_is_not_sure(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.create(part().messages, batch_size=None)
    assert match_of(find(part())) is Match.INCOMPLETE


def test_a_batch_without_a_size_and_with_another_recipient_is_not_its_batch(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    service.create([message(99)], batch_size=None)
    assert find(part()) == NotCreated()


def test_a_completed_batch_that_reached_nobody_is_not_its_batch(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    service.create([], status="Completed")
    assert find(part()) == NotCreated()


@pytest.mark.parametrize("text", ["Hello ", "hello", "Hello!", ""])
def test_a_batch_with_another_text_is_not_sure(service: FakeService, find: Callable[..., Outcome], text: str) -> None:
    stored = service.create(part().messages)
    change(stored.messages, 2, text=text)
    assert match_of(find(part())) is Match.OTHER_TEXTS


def test_its_batch_is_taken_beside_one_with_other_texts(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.create([message(number, "News") for number in (1, 2, 3, 4)])
    service.create(part().messages)
    assert batch_id_of(find(part())) == "b2"


def test_a_test_message_to_one_of_the_recipients_is_not_taken_for_its_batch(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    service.create([message(1)])
    assert match_of(find(part())) is Match.SMALL


@pytest.mark.parametrize("values", [{"to": ()}, {"to": ("+14155550001", "+14155550002")}, {"to": ("+14155550002",)}])
def test_a_message_whose_recipient_is_odd_makes_it_not_sure(
    service: FakeService, find: Callable[..., Outcome], values: dict[str, tuple[str, ...]]
) -> None:
    stored = service.create(part().messages)
    change(stored.messages, 0, **values)
    assert match_of(find(part())) is Match.UNREADABLE


def test_messages_without_texts_make_it_not_sure(service: FakeService, find: Callable[..., Outcome]) -> None:
    stored = service.create(part().messages)
    change(stored.messages, 0, text=None)
    assert match_of(find(part())) is Match.UNREADABLE


def test_a_message_that_cannot_be_read_makes_it_not_sure(service: FakeService, find: Callable[..., Outcome]) -> None:
    stored = service.create(part().messages)
    stored.rejects = (Reject(b"{}", "message 1: no `id`"),)
    assert match_of(find(part())) is Match.UNREADABLE


def test_a_batch_that_cannot_be_read_makes_it_not_sure(service: FakeService, find: Callable[..., Outcome]) -> None:
    service.unreadable_batches = (Reject(b"{}", "batch 1: no `id`"),)
    assert find(part()) == Undecided(unreadable=1)


def test_what_was_seen_names_batches_and_neither_numbers_nor_texts(
    service: FakeService, find: Callable[..., Outcome]
) -> None:
    service.create(part().messages, shown=3)
    seen = str(find(part()))
    assert "batch b1, created at 2026-09-21 " in seen
    assert "size 4, 3 messages seen" in seen
    assert "+1415" not in seen
    assert "Hello" not in seen


class TestFailures:
    """Looks that fail."""

    @staticmethod
    def failing(service: FakeService, clock: ManualClock, *, until: float) -> None:
        def step(name: str) -> None:
            if clock.now < until:
                raise ServiceUnavailable("The service answered 503.")

        service.step = step

    def test_a_failed_look_does_not_count(
        self, service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
    ) -> None:
        self.failing(service, clock, until=clock.now + LOOKUP_TIME)
        assert find(part()) == NotCreated()
        assert service.reads["batches"] == 3

    def test_the_batch_is_found_after_an_outage(
        self, service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
    ) -> None:
        service.create(part().messages)
        self.failing(service, clock, until=clock.now + MINUTES)
        assert batch_id_of(find(part())) == "b1"

    def test_an_outage_beyond_the_time_is_raised(
        self, service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
    ) -> None:
        self.failing(service, clock, until=clock.now + 10 * LOOKUP_TIME)
        began = clock.now
        with pytest.raises(ServiceUnavailable):
            find(part())
        assert LOOKUP_TIME <= clock.now - began < LOOKUP_TIME + MINUTES

    def test_a_missing_permission_is_raised_at_once(
        self, service: FakeService, clock: ManualClock, find: Callable[..., Outcome]
    ) -> None:
        def step(name: str) -> None:
            raise PermissionDenied("The app may not read the message store.")

        service.step = step
        with pytest.raises(PermissionDenied):
            find(part())
        assert not clock.slept
