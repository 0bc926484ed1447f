"""The ledger in the state of a task."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    LedgerConflict,
    LedgerUnavailable,
    SendingRefused,
)
from airflow_provider_hvsms.campaigns.ledger import EntryState
from airflow_provider_hvsms.campaigns.task_state_ledger import MAX_CHANGE_TIME, SETTLING_TIME, TaskStateLedger
from tests.campaigns import racing
from tests.campaigns.contract import LedgerContract
from tests.campaigns.entries import RUN, changed, entry
from tests.campaigns.state_store import FolderStore, MemoryStore
from tests.support.clock import ManualClock


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def ledger(store: MemoryStore, clock: ManualClock) -> TaskStateLedger:
    return TaskStateLedger(store, clock=clock, sleep=clock.sleep)


class TestTaskStateLedger(LedgerContract):
    """On a store with Airflow's semantics."""


def test_change_that_took_too_long_permits_nothing(clock: ManualClock) -> None:
    class SlowStore(MemoryStore):
        def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
            clock.now += MAX_CHANGE_TIME + 0.1
            super().set(key, value, retention=retention)

    ledger = TaskStateLedger(SlowStore(), clock=clock, sleep=clock.sleep)
    with pytest.raises(LedgerUnavailable, match="part 1 .* took more than 4 s"):
        ledger.add(entry())


def test_time_of_the_read_counts_too(clock: ManualClock) -> None:
    class SlowStore(MemoryStore):
        def get(self, key: str, default: Any = None) -> Any:
            found = super().get(key, default)
            clock.now += MAX_CHANGE_TIME + 0.1
            return found

    with pytest.raises(LedgerUnavailable, match="took more than 4 s"):
        TaskStateLedger(SlowStore(), clock=clock, sleep=clock.sleep).add(entry())


def test_write_of_another_try_within_the_settling_time_is_a_conflict(store: MemoryStore, clock: ManualClock) -> None:
    """The other one read before this one wrote."""
    other = MemoryStore()
    TaskStateLedger(other, clock=clock, sleep=clock.sleep).add(entry())

    def sleep(seconds: float) -> None:
        store.values.update(other.values)

    with pytest.raises(LedgerConflict, match="Part 1"):
        TaskStateLedger(store, clock=clock, sleep=sleep).add(entry())


def test_settling_time_is_longer_than_any_change(ledger: TaskStateLedger, clock: ManualClock) -> None:
    ledger.add(entry())
    assert clock.slept == [SETTLING_TIME]
    assert SETTLING_TIME > MAX_CHANGE_TIME


@pytest.mark.parametrize(
    ("state", "waits"),
    [
        (EntryState.INTENDED, True),
        (EntryState.NOT_CREATED, True),
        (EntryState.SKIPPED, True),
        (EntryState.CREATED, False),
        (EntryState.RECORDED, False),
    ],
)
def test_facts_do_not_wait(ledger: TaskStateLedger, clock: ManualClock, state: EntryState, waits: bool) -> None:
    ledger.add(entry())
    clock.slept.clear()
    ledger.replace(changed(entry(), state=state))
    assert bool(clock.slept) is waits


def test_of_processes_that_add_at_once_exactly_one_succeeds(tmp_path: Path) -> None:
    found = racing.race(4, racing.add, racing.task_state_ledger, tmp_path)
    assert found == {"won": 1, "LedgerConflict": 3}


def test_of_processes_that_replace_at_once_exactly_one_succeeds(tmp_path: Path) -> None:
    TaskStateLedger(FolderStore(tmp_path), sleep=lambda _: None).add(entry())
    found = racing.race(4, racing.replace, racing.task_state_ledger, tmp_path)
    assert found == {"won": 1, "LedgerConflict": 3}


def test_entries_never_expire(ledger: TaskStateLedger, store: MemoryStore) -> None:
    ledger.add(entry())
    never_expire: Any = timedelta.max
    assert store.retentions[0] is never_expire


def test_entry_is_small(ledger: TaskStateLedger, store: MemoryStore) -> None:
    ledger.add(entry())
    assert list(store.values) == ["hvsms_part_1"]
    assert len(store.values["hvsms_part_1"]) < 1_000


@pytest.mark.parametrize("method", ["get", "set"])
def test_failure_of_the_store_is_a_transient_error(
    store: MemoryStore, ledger: TaskStateLedger, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("API_SERVER_ERROR: {'status_code': 503}\nline with values")

    monkeypatch.setattr(store, method, fail)
    with pytest.raises(LedgerUnavailable, match="RuntimeError: API_SERVER_ERROR") as caught:
        ledger.add(entry())
    assert "values" not in str(caught.value)


def test_part_is_not_added_before_the_one_before_it(ledger: TaskStateLedger) -> None:
    """Reading ends with the first missing part, so that a gap would hide the parts after it."""
    with pytest.raises(InvalidRequest, match="part 1 has no entry"):
        ledger.add(entry(2))


def test_entries_after_a_deleted_one_cannot_be_written_again(ledger: TaskStateLedger, store: MemoryStore) -> None:
    ledger.add(entry(1))
    ledger.add(entry(2))
    store.delete("hvsms_part_1")
    ledger.add(entry(1))
    with pytest.raises(LedgerConflict, match="Part 2"):
        ledger.add(entry(2))


@pytest.mark.parametrize("value", ["a text", 7, {}, {"part": 1}, [1]])
def test_changed_value_is_refused_for_good(ledger: TaskStateLedger, store: MemoryStore, value: Any) -> None:
    store.set("hvsms_part_1", value)
    for call in (lambda: ledger.entries(RUN), lambda: ledger.add(entry())):
        with pytest.raises(SendingRefused, match="hvsms_part_1"):
            call()


def test_value_of_another_type_is_refused(ledger: TaskStateLedger, store: MemoryStore) -> None:
    ledger.add(entry())
    store.set("hvsms_part_1", {**store.get("hvsms_part_1"), "revision": "1"})
    with pytest.raises(SendingRefused, match="revision"):
        ledger.entries(RUN)


def test_entries_of_another_run_are_refused(ledger: TaskStateLedger) -> None:
    ledger.add(entry())
    with pytest.raises(SendingRefused, match="another task, run or part"):
        ledger.entries(dataclasses.replace(RUN, run_id="another"))


def test_way_to_resolve_names_the_request_and_both_decisions(ledger: TaskStateLedger) -> None:
    text = ledger.how_to_resolve(entry(3))
    assert (
        "PUT /api/v2/dags/campaign/dagRuns/manual__2026-11-01T12%3A00%3A00%2B00%3A00/taskInstances/send/state-store/"
        "hvsms_resolve and"
    ) in text
    assert '{"part": 3, "batch_id": "<id of the batch>"}' in text
    assert '{"part": 3, "not_created": true, "attempts": 1}' in text
    assert "clear the task 'send'" in text


def test_way_to_resolve_names_the_index_of_a_mapped_task(ledger: TaskStateLedger) -> None:
    text = ledger.how_to_resolve(entry(run=dataclasses.replace(RUN, map_index=2)))
    assert "/state-store/hvsms_resolve?map_index=2 and" in text


def test_a_later_try_finds_that_the_first_one_began(ledger: TaskStateLedger) -> None:
    ledger.begin(try_number=1)
    ledger.begin(try_number=2)


def test_a_later_try_on_an_empty_state_sends_nothing(ledger: TaskStateLedger) -> None:
    with pytest.raises(SendingRefused, match="is empty at try 2.*may have been sent"):
        ledger.begin(try_number=2)


@pytest.mark.parametrize("encode", [lambda value: value, json.dumps])
def test_decision_is_read_and_removed(
    ledger: TaskStateLedger, store: MemoryStore, encode: Callable[[Any], Any]
) -> None:
    assert ledger.decision() is None
    store.set("hvsms_resolve", encode({"part": 1, "not_created": True}))
    assert ledger.decision() == {"part": 1, "not_created": True}
    ledger.remove_decision()
    assert ledger.decision() is None


@pytest.mark.parametrize("value", ["no JSON", "[1]", 7, [1]])
def test_decision_that_is_no_object_is_refused(ledger: TaskStateLedger, store: MemoryStore, value: Any) -> None:
    store.set("hvsms_resolve", value)
    with pytest.raises(InvalidRequest, match="hvsms_resolve"):
        ledger.decision()


def test_default_clock_and_sleep_are_real(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.campaigns.task_state_ledger.SETTLING_TIME", 0.2)
    started = time.monotonic()
    TaskStateLedger(store).add(entry())
    assert time.monotonic() - started >= 0.2
