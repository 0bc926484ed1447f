"""A person decides whether the batch of a part was created."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest, NotFound
from airflow_provider_hvsms.campaigns.decision import Decision, apply_decision
from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry
from tests.support.campaigns import RUN, SENDER, intended, part
from tests.support.clock import ManualClock
from tests.support.fake_service import FakeService
from tests.support.memory_ledger import MemoryLedger

PART = part()


@pytest.fixture
def service(clock: ManualClock) -> FakeService:
    return FakeService(clock)


@pytest.fixture
def ledger(clock: ManualClock) -> MemoryLedger:
    ledger = MemoryLedger()
    ledger.add(intended(PART, clock.now))
    return ledger


def decide(ledger: MemoryLedger, service: FakeService, run: Any = RUN, **decided: Any) -> LedgerEntry | None:
    decision = Decision.parse({"part": 1, **decided})
    return apply_decision(decision, ledger=ledger, client=service.client, run=run, from_number=SENDER)


def state(ledger: MemoryLedger) -> tuple[EntryState, str | None]:
    entry = ledger.stored[RUN, 1]
    return entry.state, entry.batch_id


def test_a_batch_is_noted_and_noting_it_again_changes_nothing(ledger: MemoryLedger, service: FakeService) -> None:
    service.create(PART.messages)
    assert decide(ledger, service, batch_id="b1") == decide(ledger, service, batch_id="b1")
    assert state(ledger) == (EntryState.CREATED, "b1")


def test_not_created_is_noted_and_noting_it_again_changes_nothing(ledger: MemoryLedger, service: FakeService) -> None:
    assert decide(ledger, service, not_created=True) == decide(ledger, service, not_created=True)
    assert state(ledger) == (EntryState.NOT_CREATED, None)


def test_not_created_does_not_speak_of_a_later_request(ledger: MemoryLedger, service: FakeService) -> None:
    ledger.replace(dataclasses.replace(ledger.stored[RUN, 1], attempts=2, revision=2))
    decide(ledger, service, not_created=True)
    assert state(ledger) == (EntryState.INTENDED, None)
    decide(ledger, service, not_created=True, attempts=2)
    assert state(ledger) == (EntryState.NOT_CREATED, None)


def test_a_part_with_another_batch_is_refused(ledger: MemoryLedger, service: FakeService) -> None:
    service.create(PART.messages)
    decide(ledger, service, batch_id="b1")
    for decided in ({"batch_id": "b2"}, {"not_created": True}):
        with pytest.raises(InvalidRequest, match="the ledger has batch b1"):
            decide(ledger, service, **decided)


def test_a_batch_that_does_not_exist_is_refused(ledger: MemoryLedger, service: FakeService) -> None:
    with pytest.raises(NotFound):
        decide(ledger, service, batch_id="b1")
    assert state(ledger) == (EntryState.INTENDED, None)


@pytest.mark.parametrize(
    ("fields", "problem"), [({"from_number": "+16505550199"}, "another sender"), ({"batch_size": 5}, "5 messages")]
)
def test_a_batch_that_cannot_be_the_parts_is_refused(
    ledger: MemoryLedger, service: FakeService, fields: dict[str, Any], problem: str
) -> None:
    service.create(PART.messages, **fields)
    with pytest.raises(InvalidRequest, match=problem):
        decide(ledger, service, batch_id="b1")


def test_a_batch_from_before_the_part_is_refused(
    ledger: MemoryLedger, service: FakeService, clock: ManualClock
) -> None:
    clock.now -= 301
    service.create(PART.messages)
    with pytest.raises(InvalidRequest, match="before the part was about to be sent"):
        decide(ledger, service, batch_id="b1")


def test_another_run_decides_by_naming_the_run(ledger: MemoryLedger, service: FakeService) -> None:
    later = dataclasses.replace(RUN, run_id="manual__2")
    decide(ledger, service, run=later, run_id=RUN.run_id, not_created=True)
    assert state(ledger) == (EntryState.NOT_CREATED, None)
    with pytest.raises(InvalidRequest, match="no entry"):
        decide(ledger, service, run=later, not_created=True)


def test_a_decision_about_another_task_is_not_used(ledger: MemoryLedger, service: FakeService) -> None:
    assert decide(ledger, service, task_id="other", not_created=True) is None
    assert state(ledger) == (EntryState.INTENDED, None)


def test_a_mapped_task_needs_its_index(ledger: MemoryLedger, service: FakeService) -> None:
    mapped = dataclasses.replace(RUN, map_index=3)
    with pytest.raises(InvalidRequest, match='"map_index": 3'):
        decide(ledger, service, run=mapped, not_created=True)
    assert decide(ledger, service, run=mapped, map_index=2, not_created=True) is None


def test_a_decision_is_read_from_json_with_digits() -> None:
    assert Decision.parse('{"part": "2", "batch_id": "b1"}') == Decision(part=2, batch_id="b1")


@pytest.mark.parametrize(
    "value",
    ["", "b1", [], 1, None, {}, {"part": 1}, {"part": 0, "not_created": True}, {"part": True, "not_created": True},
     {"part": 1, "not_created": "yes"}, {"part": 1, "not_created": False}, {"part": 1, "batch_id": ""},
     {"part": 1, "batch_id": "None"}, {"part": 1, "batch_id": "b1", "not_created": True},
     {"part": 1, "batch_id": "b1", "batch": 2}, {"part": 1, "not_created": True, "run_id": ""}],
)  # fmt: skip
def test_what_is_no_decision_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest):
        Decision.parse(value)
