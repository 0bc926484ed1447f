"""`HvsmsBatchCompletedEventTrigger`: one event for each batch, none repeated or lost by a restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from airflow_provider_hvsms.sandbox.http.response import Response
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchCompletedEventTrigger
from airflow_provider_hvsms.triggers.latest_queue import latest_of
from tests.support.waiting import wait_for
from tests.triggers.running import first_event, set_connection, wait_for_polls


@pytest.fixture
def _no_pause_between_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._EVENT_INTERVAL", 0)


class StateStore:
    """The part of an asset's state store that a trigger uses. The end-to-end tests use the real one."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def aget(self, key: str) -> Any:
        return json.loads(json.dumps(self.values.get(key)))

    async def aset(self, key: str, value: Any) -> None:
        self.values[key] = json.loads(json.dumps(value))


class SeveralStores:
    """The accessor of a trigger that several assets share, as in Airflow 3.3."""

    def __init__(self, **by_name: StateStore) -> None:
        self._by_name = by_name

    async def aget(self, key: str) -> Any:
        raise ValueError("Task has 2 concrete inlets and outlets")

    async def aset(self, key: str, value: Any) -> None:
        raise ValueError("Task has 2 concrete inlets and outlets")


def event_trigger(store: StateStore | None = None, **arguments: Any) -> HvsmsBatchCompletedEventTrigger:
    trigger = HvsmsBatchCompletedEventTrigger(**{"poll_interval": 0.05, **arguments})
    trigger.asset_state_store = store
    return trigger


def run_steps(
    trigger: HvsmsBatchCompletedEventTrigger,
    *steps: Callable[[], Any],
    before: Callable[[], Any] = lambda: None,
) -> list[Any]:
    """Run a trigger during the steps, each followed by a poll, and return its events."""
    events: list[Any] = []

    async def collect() -> None:
        async for event in trigger.run():
            events.append(event.payload)  # noqa: PERF401 - the loop never ends

    async def scenario() -> None:
        task = asyncio.create_task(collect())
        with observed_polls() as wait_for_poll:
            for step in (before, *steps):
                await asyncio.to_thread(step)
                await asyncio.to_thread(wait_for_poll)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(scenario())
    return events


@contextlib.contextmanager
def observed_polls() -> Iterator[Callable[[], None]]:
    """Yields a function that waits until the trigger has handled a poll which started after the call."""
    done: list[datetime] = []

    async def record(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for recent in latest_of(stream):
            yield recent
            done.append(recent.polled_at)

    def wait_for_next() -> None:
        now = datetime.now(UTC)
        wait_for(lambda: bool(done) and done[-1] > now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_provider_hvsms.triggers.hvsms.latest_of", record)
        yield wait_for_next


def list_twice(make: Callable[[], Response], wait: Callable[[float], object]) -> Response:
    answer = make()
    content = json.loads(answer.body)
    return replace(answer, body=json.dumps({**content, "records": 2 * content["records"]}).encode())


@pytest.mark.usefixtures("_no_pause_between_events")
def test_each_batch_that_completes_from_now_on_is_an_event(sandbox: Sandbox) -> None:
    sandbox.store.start_batch(size=1, seconds=0)
    first, second = (sandbox.store.start_batch(size=3, seconds=None, from_number="+16505550177") for _ in range(2))
    events = run_steps(
        event_trigger(),
        lambda: sandbox.store.complete_batch(first),
        lambda: sandbox.store.complete_batch(second),
    )
    assert [event["id"] for event in events] == [first, second]
    assert events[0]["batch_size"] == 3
    assert "6505550177" not in json.dumps(events)


@pytest.mark.usefixtures("_no_pause_between_events")
def test_a_restarted_trigger_neither_repeats_nor_misses_a_batch(sandbox: Sandbox) -> None:
    store = StateStore()
    first, second = (sandbox.store.start_batch(size=3, seconds=None) for _ in range(2))
    before = run_steps(event_trigger(store), lambda: sandbox.store.complete_batch(first))
    sandbox.store.complete_batch(second)
    after = run_steps(event_trigger(store))
    assert [event["id"] for event in before + after] == [first, second]
    assert run_steps(event_trigger(store)) == []


def test_without_a_state_store_a_restarted_trigger_starts_at_the_present(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=3, seconds=None)
    run_steps(event_trigger())
    sandbox.store.complete_batch(batch_id)
    assert run_steps(event_trigger()) == []


@pytest.mark.usefixtures("_no_pause_between_events")
def test_only_batches_of_the_given_number_are_events(sandbox: Sandbox) -> None:
    other, own = (sandbox.store.start_batch(size=3, seconds=None, from_number=f"+1650555000{n}") for n in range(2))

    def complete() -> None:
        sandbox.store.complete_batch(other)
        sandbox.store.complete_batch(own)

    assert [event["id"] for event in run_steps(event_trigger(from_number="+16505550001"), complete)] == [own]


def test_triggers_with_the_same_arguments_share_one_stream() -> None:
    assert event_trigger().shared_stream_key() == event_trigger().shared_stream_key()
    assert event_trigger().shared_stream_key() != event_trigger(from_number="+16505550001").shared_stream_key()
    assert hash(event_trigger().shared_stream_key())


def test_polling_resumes_when_the_connection_is_corrected(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._MIN_PAUSE", 0.2)
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, "password": "wrong"}))
    batch_id = sandbox.store.start_batch(size=3, seconds=None)

    async def scenario() -> Any:
        with observed_polls() as wait_for_poll:
            task = asyncio.create_task(first_event(event_trigger()))
            await asyncio.to_thread(wait_for, lambda: sandbox.counters.failed_logins >= 1)
            set_connection(monkeypatch, hvsms_connection)
            await asyncio.to_thread(wait_for_poll)
            sandbox.store.complete_batch(batch_id)
            return await asyncio.wait_for(task, timeout=10)

    assert asyncio.run(scenario())["id"] == batch_id


@pytest.mark.usefixtures("_no_retries", "_no_pause_between_events")
def test_polling_takes_up_a_corrected_host(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._MIN_PAUSE", 0.2)
    set_connection(monkeypatch, {**hvsms_connection, "host": "http://127.0.0.1:1"})
    batch_id = sandbox.store.start_batch(size=10, seconds=None)

    def correct() -> None:
        wait_for(lambda: "cannot be polled" in caplog.text)
        set_connection(monkeypatch, hvsms_connection)

    events = run_steps(event_trigger(), lambda: sandbox.store.complete_batch(batch_id), before=correct)
    assert [event["id"] for event in events] == [batch_id]


@pytest.mark.usefixtures("_no_pause_between_events")
def test_two_assets_with_equal_watchers_share_events_and_keep_their_state(sandbox: Sandbox) -> None:
    stores = {"one": StateStore(), "two": StateStore()}
    batch_id = sandbox.store.start_batch(size=3, seconds=None)
    both: Any = SeveralStores(**stores)
    events = run_steps(event_trigger(both), lambda: sandbox.store.complete_batch(batch_id))
    assert [event["id"] for event in events] == [batch_id]
    for store in stores.values():
        assert run_steps(event_trigger(store)) == []


@pytest.mark.usefixtures("_no_pause_between_events")
def test_while_events_wait_only_the_latest_poll_is_kept(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_ids = [sandbox.store.start_batch(size=1, seconds=None) for _ in range(40)]
    taken: list[datetime] = []

    async def record(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for recent in latest_of(stream):
            taken.append(recent.polled_at)
            yield recent

    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms.latest_of", record)

    async def scenario() -> list[str]:
        events: Any = event_trigger(poll_interval=0.02).run()
        first: asyncio.Task[Any] = asyncio.create_task(anext(events))
        await asyncio.to_thread(wait_for, lambda: bool(taken))
        sandbox.store.complete_batch(batch_ids[0])
        ids = [(await first).payload["id"]]
        before = len(taken)
        for batch_id in batch_ids[1:]:
            sandbox.store.complete_batch(batch_id)
        await asyncio.to_thread(wait_for_polls, sandbox, 20)
        resumed_at = datetime.now(UTC)
        await asyncio.to_thread(wait_for_polls, sandbox, 10)
        ids += [(await anext(events)).payload["id"] for _ in batch_ids[1:]]
        assert taken[before] > resumed_at, "of the polls during the first event, only the latest is used"
        await events.aclose()
        return ids

    assert sorted(asyncio.run(asyncio.wait_for(scenario(), timeout=20))) == sorted(batch_ids)


@pytest.mark.usefixtures("_no_pause_between_events")
def test_a_batch_on_two_pages_of_a_list_is_one_event(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(list_twice), times=None, path="/batches")
    batch_id = sandbox.store.start_batch(size=3, seconds=None)
    events = run_steps(event_trigger(), lambda: sandbox.store.complete_batch(batch_id))
    assert [event["id"] for event in events] == [batch_id]


@pytest.mark.usefixtures("_no_pause_between_events")
def test_watchers_of_one_asset_with_different_numbers_keep_their_own_state(sandbox: Sandbox) -> None:
    store, created = StateStore(), datetime.now(UTC) - timedelta(hours=1)
    watchers = [f"+1650555000{n}" for n in range(2)]
    batch_ids = [
        sandbox.store.add_batch(created=created, completed=None, size=3, from_number=number).id for number in watchers
    ]
    for number in watchers:
        run_steps(event_trigger(store, from_number=number))
    for batch_id in batch_ids:
        sandbox.store.complete_batch(batch_id)
    events = [event["id"] for number in watchers for event in run_steps(event_trigger(store, from_number=number))]
    assert events == batch_ids
    assert not [number for number in watchers if number[1:] in json.dumps(store.values)]


@pytest.mark.usefixtures("_no_pause_between_events")
def test_the_newest_state_of_several_assets_counts(sandbox: Sandbox) -> None:
    stale, current = StateStore(), StateStore()
    first = sandbox.store.start_batch(size=3, seconds=None)
    run_steps(event_trigger(stale))
    both: Any = SeveralStores(stale=stale, current=current)
    run_steps(event_trigger(current), lambda: sandbox.store.complete_batch(first))
    assert run_steps(event_trigger(both)) == []


@pytest.mark.usefixtures("_no_pause_between_events")
def test_state_of_an_earlier_version_can_be_read(sandbox: Sandbox) -> None:
    store = StateStore()
    store.values["hvsms_announced_batches"] = {
        batch.id: batch.creation_time.isoformat() for batch in sandbox.store.batches
    }
    new = sandbox.store.start_batch(size=3, seconds=0)
    assert [event["id"] for event in run_steps(event_trigger(store))] == [new]


def test_an_interval_of_zero_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="poll_interval"):
        event_trigger(poll_interval=0)
