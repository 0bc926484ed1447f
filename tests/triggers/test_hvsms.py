"""Triggers wait together: one thread, one login, one poll for all of one connection."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.transport import TimeLimits
from airflow_provider_hvsms.hooks.client_settings import ClientSettings
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from airflow_provider_hvsms.sandbox.http.response import Response
from airflow_provider_hvsms.triggers import batch_watch
from airflow_provider_hvsms.triggers.batch_watch import PollInterval, Wait
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchCompletedEventTrigger, HvsmsBatchTrigger
from airflow_provider_hvsms.triggers.newest import newest_of
from tests.support.waiting import wait_for


def trigger(*batch_ids: str, **arguments: Any) -> HvsmsBatchTrigger:
    return HvsmsBatchTrigger(batch_ids=batch_ids, **{"poll_interval": 0.05, **arguments})


async def first_event(waiting: HvsmsBatchTrigger | HvsmsBatchCompletedEventTrigger) -> Any:
    async for event in waiting.run():
        return event.payload
    raise AssertionError("a trigger ended without an event")


def set_connection(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(connection))


def run_all(*triggers: HvsmsBatchTrigger, meanwhile: Callable[[], Any] = lambda: None) -> list[Any]:
    """The events of all triggers, in one event loop; `meanwhile` runs in a thread beside it."""

    async def together() -> list[Any]:
        waiting = [asyncio.create_task(first_event(one)) for one in triggers]
        await asyncio.to_thread(meanwhile)
        return await asyncio.wait_for(asyncio.gather(*waiting), timeout=20)

    return asyncio.run(together())


def wait_for_looks(sandbox: Sandbox, number: int) -> None:
    seen = sandbox.counters.reads
    wait_for(lambda: sandbox.counters.reads >= seen + number)


def held(released: threading.Event) -> Fault:
    """The proper answer, once it is released."""

    def spoil(make: Callable[[], Response], wait: Callable[[float], object]) -> Response:
        assert released.wait(10), "it was not released"
        return make()

    return Fault(spoil)


@contextlib.contextmanager
def looks_of_followers() -> Iterator[Callable[[], None]]:
    """Gives what waits until a trigger for assets is done with a look that began from then on."""
    done: list[datetime] = []

    async def recorded(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for look in newest_of(stream):
            yield look
            done.append(look[0])

    def wait_for_one() -> None:
        now = datetime.now(UTC)
        wait_for(lambda: bool(done) and done[-1] > now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_provider_hvsms.triggers.hvsms.newest_of", recorded)
        yield wait_for_one


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> dict[Wait, list[float]]:
    """When each wait was looked at, in seconds of the watch's clock."""
    looks: dict[Wait, list[float]] = {}
    plan = Wait.plan

    def recorded(wait: Wait, looked_at: float, epoch: float) -> None:
        looks.setdefault(wait, []).append(looked_at)
        plan(wait, looked_at, epoch)

    monkeypatch.setattr(Wait, "plan", recorded)
    return looks


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[Wait]:
    """The waits that have joined a watch."""
    joined: list[Wait] = []
    join = batch_watch.join_watch

    def recorded(settings: ClientSettings, wait: Wait) -> batch_watch.BatchWatch:
        watch = join(settings, wait)
        joined.append(wait)
        return watch

    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms.join_watch", recorded)
    return joined


@pytest.fixture
def _events_leave_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._UNTIL_EVENT_LEFT", 0)


@pytest.fixture(autouse=True)
def _no_watcher_is_left(hvsms_connection: dict[str, Any]) -> Iterator[None]:
    yield
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("hvsms-batch")])


def test_the_event_comes_when_the_batch_is_completed(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None, rejected=1)

    def complete() -> None:
        wait_for(lambda: sandbox.counters.reads >= 2)
        sandbox.store.complete_batch(batch_id)

    [event] = run_all(trigger(batch_id), meanwhile=complete)
    assert event["status"] == "success"
    [batch] = event["batches"]
    assert (batch["id"], batch["status"], batch["batch_size"], batch["rejected_count"]) == (
        batch_id,
        "Completed",
        10,
        1,
    )


def test_the_event_holds_no_phone_number_and_fits_xcom(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0, from_number="+16505550177")
    [event] = run_all(trigger(batch_id))
    assert json.loads(json.dumps(event)) == event
    assert "6505550177" not in json.dumps(event)


def test_several_batches_are_waited_for_together(sandbox: Sandbox) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=None) for _ in range(6)]

    def complete_one_after_the_other() -> None:
        for batch_id in batch_ids:
            wait_for_looks(sandbox, 1)
            sandbox.store.complete_batch(batch_id)

    [event] = run_all(trigger(*batch_ids), meanwhile=complete_one_after_the_other)
    assert [batch["id"] for batch in event["batches"]] == batch_ids


def test_many_triggers_share_one_login_and_one_request_a_poll(sandbox: Sandbox) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=None) for _ in range(100)]

    def watch_and_complete() -> None:
        wait_for(lambda: sandbox.counters.requests["batches"] >= 3)
        assert sandbox.counters.requests["batch"] <= 3, "only those that were alone at the beginning"
        for batch_id in batch_ids:
            sandbox.store.complete_batch(batch_id)

    triggers = [trigger(batch_id, poll_interval=1) for batch_id in batch_ids]
    events = run_all(*triggers, meanwhile=watch_and_complete)
    assert [event["batches"][0]["id"] for event in events] == batch_ids
    assert sum(sandbox.counters.logins.values()) == 1
    assert sandbox.counters.requests["batch"] <= 2 * len(batch_ids)


def test_the_last_trigger_that_leaves_ends_the_session(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    run_all(trigger(batch_id))
    wait_for(lambda: sandbox.counters.revokes == 1)


def test_a_cancelled_trigger_leaves_the_others_alone(sandbox: Sandbox) -> None:
    staying, going = (sandbox.store.start_batch(size=10, seconds=None) for _ in range(2))

    async def story() -> Any:
        tasks = [asyncio.create_task(first_event(trigger(batch_id))) for batch_id in (staying, going)]
        await asyncio.to_thread(wait_for, lambda: sandbox.counters.reads >= 2)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        sandbox.store.complete_batch(staying)
        return await asyncio.wait_for(tasks[0], timeout=10)

    assert asyncio.run(story())["batches"][0]["id"] == staying


def test_the_last_trigger_that_is_cancelled_ends_the_session(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None)

    async def story() -> None:
        task = asyncio.create_task(first_event(trigger(batch_id)))
        await asyncio.to_thread(wait_for, lambda: sandbox.counters.reads >= 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    wait_for(lambda: sandbox.counters.revokes == 1)


def test_each_trigger_gets_its_own_interval(sandbox: Sandbox, looks: dict[Wait, list[float]]) -> None:
    quick, slow = (sandbox.store.start_batch(size=10, seconds=None) for _ in range(2))

    def watch() -> None:
        wait_for(lambda: sandbox.counters.reads >= 12)
        sandbox.store.complete_batch(quick)
        sandbox.store.complete_batch(slow)

    run_all(trigger(quick), trigger(slow, poll_interval=0.9), meanwhile=watch)
    slow_looks, quick_looks = sorted(looks.values(), key=len)
    assert len(quick_looks) > len(slow_looks)
    assert all(later - earlier > 0.8 for earlier, later in itertools.pairwise(slow_looks))


def test_an_interval_may_double(sandbox: Sandbox, looks: dict[Wait, list[float]]) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None)

    def watch() -> None:
        wait_for(lambda: sandbox.counters.reads >= 5)
        sandbox.store.complete_batch(batch_id)

    run_all(trigger(batch_id, poll_interval=0.02, longest_poll_interval=10), meanwhile=watch)
    [times] = looks.values()
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap > 0.9 * 0.02 * 2**looks_before for looks_before, gap in enumerate(gaps))


def test_an_unknown_batch_fails_its_own_trigger_only(sandbox: Sandbox) -> None:
    known = sandbox.store.start_batch(size=10, seconds=None)

    def complete() -> None:
        wait_for(lambda: sandbox.counters.answers[404] >= 1)
        sandbox.store.complete_batch(known)

    failed, succeeded = run_all(trigger("no-such-batch"), trigger(known), meanwhile=complete)
    assert failed["status"] == "error"
    assert "/batches/no-such-batch" in failed["message"]
    assert succeeded["status"] == "success"


def test_a_batch_that_is_deleted_while_it_is_waited_for_fails_and_is_named(sandbox: Sandbox) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=None) for _ in range(5)]

    def delete_and_complete() -> None:
        wait_for(lambda: sandbox.counters.requests["batches"] >= 2)
        sandbox.store.delete_batch(batch_ids[0])
        for batch_id in batch_ids[1:]:
            sandbox.store.complete_batch(batch_id)

    deleted, others = run_all(trigger(batch_ids[0]), trigger(*batch_ids[1:]), meanwhile=delete_and_complete)
    assert batch_ids[0] in deleted["message"]
    assert others["status"] == "success"


def test_while_the_service_is_down_no_trigger_is_lost_and_the_log_says_so_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one_try = functools.partial(TimeLimits, tries=1)
    monkeypatch.setattr("airflow_provider_hvsms.hooks.hvsms.TimeLimits", one_try)
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    sandbox.faults.add(Fault.server_error(503), times=4, path="/batches")
    [event] = run_all(trigger(batch_id))
    assert event["status"] == "success"
    assert sandbox.counters.answers[503] == 4
    assert sum("cannot be looked at now" in message for message in caplog.messages) == 1


def test_wrong_credentials_end_all_triggers_with_that_message(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, joined: list[Wait]
) -> None:
    set_connection(monkeypatch, {**hvsms_connection, "password": "wrong"})
    released = threading.Event()
    sandbox.faults.add(held(released), path="token")

    def release() -> None:
        wait_for(lambda: len(joined) == 3)
        released.set()

    events = run_all(trigger("one"), trigger("two"), trigger("three"), meanwhile=release)
    assert all("client secret" in event["message"] for event in events)
    assert sandbox.counters.failed_logins == 1


def test_a_connection_that_cannot_be_used_ends_all_triggers_with_that_message(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, "extra": {}}))
    events = run_all(trigger("one"), trigger("two"))
    assert all("jwt_token and username are both missing" in event["message"] for event in events)


def test_an_id_that_the_service_refuses_fails_its_own_trigger_only(sandbox: Sandbox) -> None:
    known = sandbox.store.start_batch(size=10, seconds=None)
    sandbox.faults.add(Fault.server_error(400), path="/batches/odd")

    def complete() -> None:
        wait_for(lambda: sandbox.counters.answers[400] >= 1)
        sandbox.store.complete_batch(known)

    failed, succeeded = run_all(trigger("odd"), trigger(known), meanwhile=complete)
    assert (failed["status"], succeeded["status"]) == ("error", "success")


def test_one_watch_has_one_thread_also_when_members_come_and_go_during_a_look(
    sandbox: Sandbox, joined: list[Wait]
) -> None:
    first, second = (sandbox.store.start_batch(size=10, seconds=None) for _ in range(2))
    released = threading.Event()
    sandbox.faults.add(held(released), path="/batches/")

    async def story() -> Any:
        going = asyncio.create_task(first_event(trigger(first)))
        await asyncio.to_thread(wait_for, lambda: sandbox.faults.pending == 0)
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going
        staying = asyncio.create_task(first_event(trigger(second)))
        await asyncio.to_thread(wait_for, lambda: len(joined) == 2)
        assert sum(thread.name == "hvsms-batch-watch" for thread in threading.enumerate()) == 1
        released.set()
        sandbox.store.complete_batch(second)
        return await asyncio.wait_for(staying, timeout=10)

    assert asyncio.run(story())["status"] == "success"


def test_a_status_that_nobody_has_seen_is_waited_on_and_logged_once(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None, status="Paused")

    def complete() -> None:
        wait_for(lambda: sandbox.counters.reads >= 3)
        sandbox.store.complete_batch(batch_id)

    [event] = run_all(trigger(batch_id), meanwhile=complete)
    assert event["status"] == "success"
    assert sum("'Paused'" in message for message in caplog.messages) == 1


def test_a_trigger_may_be_told_not_to_look_before_a_moment(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    moment = datetime.now(UTC) + timedelta(seconds=0.4)
    run_all(trigger(batch_id, not_before=moment.isoformat()))
    assert sandbox.counters.log[0].time >= moment.timestamp()


def test_a_trigger_can_be_made_again_from_what_it_serializes_to() -> None:
    original = trigger("one", "two", longest_poll_interval=9.0)
    path, arguments = json.loads(json.dumps(original.serialize()))
    assert path == "airflow_provider_hvsms.triggers.hvsms.HvsmsBatchTrigger"
    assert HvsmsBatchTrigger(**arguments).serialize() == original.serialize()


class StateStore:
    """An asset's state store, as far as a trigger asks for it. The real one is in the end-to-end test."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def aget(self, key: str) -> Any:
        return json.loads(json.dumps(self.values.get(key)))

    async def aset(self, key: str, value: Any) -> None:
        self.values[key] = json.loads(json.dumps(value))


def following(store: StateStore | None = None, **arguments: Any) -> HvsmsBatchCompletedEventTrigger:
    made = HvsmsBatchCompletedEventTrigger(**{"poll_interval": 0.05, **arguments})
    made.asset_state_store = store
    return made


def follow(
    trigger: HvsmsBatchCompletedEventTrigger,
    *steps: Callable[[], Any],
    before: Callable[[], Any] = lambda: None,
) -> list[Any]:
    """The events while the steps are done one after the other, each followed by a look."""
    events: list[Any] = []

    async def collect() -> None:
        async for event in trigger.run():
            events.append(event.payload)  # noqa: PERF401 - it never ends

    async def story() -> None:
        task = asyncio.create_task(collect())
        with looks_of_followers() as wait_for_a_look:
            for step in (before, *steps):
                await asyncio.to_thread(step)
                await asyncio.to_thread(wait_for_a_look)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(story())
    return events


@pytest.mark.usefixtures("_events_leave_at_once")
def test_each_batch_that_completes_from_now_on_is_an_event(sandbox: Sandbox) -> None:
    sandbox.store.start_batch(size=1, seconds=0)
    first, second = (sandbox.store.start_batch(size=3, seconds=None, from_number="+16505550177") for _ in range(2))
    events = follow(
        following(),
        lambda: sandbox.store.complete_batch(first),
        lambda: sandbox.store.complete_batch(second),
    )
    assert [event["id"] for event in events] == [first, second]
    assert events[0]["batch_size"] == 3
    assert "6505550177" not in json.dumps(events)


@pytest.mark.usefixtures("_events_leave_at_once")
def test_a_restarted_trigger_neither_repeats_nor_misses_a_batch(sandbox: Sandbox) -> None:
    store = StateStore()
    first, second = (sandbox.store.start_batch(size=3, seconds=None) for _ in range(2))
    before = follow(following(store), lambda: sandbox.store.complete_batch(first))
    sandbox.store.complete_batch(second)
    after = follow(following(store))
    assert [event["id"] for event in before + after] == [first, second]
    assert follow(following(store)) == []


def test_without_a_state_store_a_restart_begins_from_now(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=3, seconds=None)
    follow(following())
    sandbox.store.complete_batch(batch_id)
    assert follow(following()) == []


@pytest.mark.usefixtures("_events_leave_at_once")
def test_only_the_senders_batches_are_events(sandbox: Sandbox) -> None:
    other, own = (sandbox.store.start_batch(size=3, seconds=None, from_number=f"+1650555000{n}") for n in range(2))

    def complete() -> None:
        sandbox.store.complete_batch(other)
        sandbox.store.complete_batch(own)

    assert [event["id"] for event in follow(following(from_number="+16505550001"), complete)] == [own]


def test_triggers_with_the_same_arguments_share_one_stream() -> None:
    assert following().shared_stream_key() == following().shared_stream_key()
    assert following().shared_stream_key() != following(from_number="+16505550001").shared_stream_key()
    assert hash(following().shared_stream_key())


def test_following_goes_on_when_the_connection_is_mended(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._FIRST_PAUSE", 0.2)
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, "password": "wrong"}))
    batch_id = sandbox.store.start_batch(size=3, seconds=None)

    async def story() -> Any:
        with looks_of_followers() as wait_for_a_look:
            task = asyncio.create_task(first_event(following()))
            await asyncio.to_thread(wait_for, lambda: sandbox.counters.failed_logins >= 1)
            set_connection(monkeypatch, hvsms_connection)
            await asyncio.to_thread(wait_for_a_look)
            sandbox.store.complete_batch(batch_id)
            return await asyncio.wait_for(task, timeout=10)

    assert asyncio.run(story())["id"] == batch_id


def test_a_trigger_made_after_the_connection_was_corrected_does_not_wait_with_the_others(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    set_connection(monkeypatch, {**hvsms_connection, "host": "http://127.0.0.1:1"})

    async def story() -> Any:
        stuck = asyncio.create_task(first_event(trigger(batch_id)))
        await asyncio.to_thread(wait_for, lambda: "cannot be looked at now" in caplog.text)
        set_connection(monkeypatch, hvsms_connection)
        event = await asyncio.wait_for(first_event(trigger(batch_id)), timeout=10)
        stuck.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stuck
        return event

    monkeypatch.setattr("airflow_provider_hvsms.hooks.hvsms.TimeLimits", functools.partial(TimeLimits, tries=1))
    assert asyncio.run(story())["status"] == "success"


def test_a_refused_login_is_tried_once_more_with_what_the_connection_says_by_then(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_connection(monkeypatch, {**hvsms_connection, "password": "rotated away"})
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    released = threading.Event()
    sandbox.faults.add(held(released), path="token")

    def rotate() -> None:
        wait_for(lambda: sandbox.faults.pending == 0)
        set_connection(monkeypatch, hvsms_connection)
        released.set()

    [event] = run_all(trigger(batch_id), meanwhile=rotate)
    assert event["status"] == "success"
    assert sandbox.counters.failed_logins == 1


def test_a_wait_that_cannot_reach_the_service_learns_of_a_corrected_host(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._RECHECK", 0.2)
    monkeypatch.setattr("airflow_provider_hvsms.hooks.hvsms.TimeLimits", functools.partial(TimeLimits, tries=1))
    set_connection(monkeypatch, {**hvsms_connection, "host": "http://127.0.0.1:1"})
    batch_id = sandbox.store.start_batch(size=10, seconds=0)

    def correct() -> None:
        wait_for(lambda: "cannot be looked at now" in caplog.text)
        set_connection(monkeypatch, hvsms_connection)

    [event] = run_all(trigger(batch_id), meanwhile=correct)
    assert event["status"] == "success"


def test_following_learns_of_a_corrected_host(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._FIRST_PAUSE", 0.2)
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._UNTIL_EVENT_LEFT", 0)
    monkeypatch.setattr("airflow_provider_hvsms.hooks.hvsms.TimeLimits", functools.partial(TimeLimits, tries=1))
    set_connection(monkeypatch, {**hvsms_connection, "host": "http://127.0.0.1:1"})
    batch_id = sandbox.store.start_batch(size=10, seconds=None)

    def correct() -> None:
        wait_for(lambda: "cannot be followed" in caplog.text)
        set_connection(monkeypatch, hvsms_connection)

    assert [
        event["id"] for event in follow(following(), lambda: sandbox.store.complete_batch(batch_id), before=correct)
    ] == [batch_id]


def test_a_wait_outlasts_a_secrets_backend_that_does_not_answer(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    airflow_database: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.connection._MIN_PAUSE", 0.1)
    monkeypatch.delenv("AIRFLOW_CONN_HVSMS_DEFAULT")
    batch_id = sandbox.store.start_batch(size=10, seconds=0)

    def answer_again() -> None:
        wait_for(lambda: "did not find the connection 'hvsms_default'" in caplog.text)
        set_connection(monkeypatch, hvsms_connection)

    [event] = run_all(trigger(batch_id), meanwhile=answer_again)
    assert event["status"] == "success"


def test_triggers_that_start_together_look_the_connection_up_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    looked_up: list[str] = []
    look_up = HvsmsHook.get_connection

    def counted(_: HvsmsHook, conn_id: str) -> Any:
        looked_up.append(conn_id)
        return look_up(conn_id)

    monkeypatch.setattr(HvsmsHook, "get_connection", counted)
    run_all(*[trigger(batch_id) for _ in range(50)])
    assert len(looked_up) == 1


@pytest.mark.parametrize("started_apart", [0.0, 0.03])
def test_a_batch_is_looked_at_no_more_often_than_each_interval(
    sandbox: Sandbox, looks: dict[Wait, list[float]], started_apart: float
) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=None) for _ in range(2)]

    async def story() -> None:
        tasks = []
        for batch_id in batch_ids:
            tasks.append(asyncio.create_task(first_event(trigger(batch_id, poll_interval=0.1))))
            await asyncio.sleep(started_apart)
        await asyncio.to_thread(wait_for, lambda: sandbox.counters.reads >= 20)
        for batch_id in batch_ids:
            sandbox.store.complete_batch(batch_id)
        await asyncio.gather(*tasks)

    asyncio.run(story())
    for times in looks.values():
        assert times[-1] - times[0] > (len(times) - 1.2) * 0.1


@pytest.mark.parametrize("joined_at", [0.0, 0.08, 0.5, 0.95])
def test_no_look_is_planned_earlier_than_an_interval_after_the_one_before(joined_at: float) -> None:
    wait = Wait(["b"], PollInterval(first=1.0), lambda _: None)
    wait.due = 100.0 + joined_at
    due = [wait.due]
    for _ in range(20):
        wait.plan(looked_at=wait.due + 0.01, epoch=100.0)
        due.append(wait.due)
    gaps = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert min(gaps) == pytest.approx(1.0)
    assert gaps[1:] == pytest.approx([1.0] * 19), "and from the second on they keep to the interval"


def test_while_the_service_is_down_no_wait_asks_more_often_than_its_interval(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.hooks.hvsms.TimeLimits", functools.partial(TimeLimits, tries=1))
    monkeypatch.setattr("airflow_provider_hvsms.triggers.batch_watch._MAX_PAUSE", 0.01)
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    sandbox.faults.add(Fault.server_error(503), times=3, path="/batches")
    started = time.monotonic()
    run_all(trigger(batch_id, poll_interval=0.4))
    assert time.monotonic() - started > 3 * 0.4


def test_waits_with_different_intervals_do_not_make_lists_reach_further_back(sandbox: Sandbox) -> None:
    batch_ids = [[sandbox.store.start_batch(size=1, seconds=None) for _ in range(4)] for _ in range(2)]

    def watch() -> None:
        wait_for(lambda: sandbox.counters.requests["batches"] >= 8)
        for batch_id in itertools.chain(*batch_ids):
            sandbox.store.complete_batch(batch_id)

    run_all(trigger(*batch_ids[0], poll_interval=0.1), trigger(*batch_ids[1], poll_interval=0.15), meanwhile=watch)
    lists = [parse_qs(urlsplit(entry.path).query) for entry in sandbox.counters.log if "/batches?" in entry.path]
    starts = [datetime.fromisoformat(query["dateFrom"][0]) for query in lists]
    assert sum(datetime.now(UTC) - start > timedelta(days=1) for start in starts) <= 2, "the first of each"


class SeveralStores:
    """The state stores of assets that share a trigger, as Airflow 3.3 hands them over."""

    def __init__(self, **by_name: StateStore) -> None:
        self._by_name = by_name

    async def aget(self, key: str) -> Any:
        raise ValueError("Task has 2 concrete inlets and outlets")

    async def aset(self, key: str, value: Any) -> None:
        raise ValueError("Task has 2 concrete inlets and outlets")


@pytest.mark.usefixtures("_events_leave_at_once")
def test_two_assets_with_equal_watchers_get_their_events_and_keep_their_place(sandbox: Sandbox) -> None:
    stores = {"one": StateStore(), "two": StateStore()}
    batch_id = sandbox.store.start_batch(size=3, seconds=None)
    both: Any = SeveralStores(**stores)
    events = follow(following(both), lambda: sandbox.store.complete_batch(batch_id))
    assert [event["id"] for event in events] == [batch_id]
    for store in stores.values():
        assert follow(following(store)) == []


@pytest.mark.usefixtures("_events_leave_at_once")
def test_while_events_wait_only_the_newest_look_is_kept(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_ids = [sandbox.store.start_batch(size=1, seconds=None) for _ in range(40)]
    taken: list[datetime] = []

    async def recorded(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for look in newest_of(stream):
            taken.append(look[0])
            yield look

    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms.newest_of", recorded)

    async def story() -> list[str]:
        events: Any = following(poll_interval=0.02).run()
        first: asyncio.Task[Any] = asyncio.create_task(anext(events))
        await asyncio.to_thread(wait_for, lambda: bool(taken))
        sandbox.store.complete_batch(batch_ids[0])
        seen = [(await first).payload["id"]]
        before = len(taken)
        for batch_id in batch_ids[1:]:
            sandbox.store.complete_batch(batch_id)
        await asyncio.to_thread(wait_for_looks, sandbox, 20)
        moment = datetime.now(UTC)
        await asyncio.to_thread(wait_for_looks, sandbox, 10)
        seen += [(await anext(events)).payload["id"] for _ in batch_ids[1:]]
        assert taken[before] > moment, "of the looks that came while the first event waited, only the newest is taken"
        await events.aclose()
        return seen

    assert sorted(asyncio.run(asyncio.wait_for(story(), timeout=20))) == sorted(batch_ids)


def listing_twice(make: Callable[[], Response], wait: Callable[[float], object]) -> Response:
    answer = make()
    content = json.loads(answer.body)
    return replace(answer, body=json.dumps({**content, "records": 2 * content["records"]}).encode())


@pytest.mark.usefixtures("_events_leave_at_once")
def test_a_batch_on_two_pages_of_a_list_is_one_event(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(listing_twice), times=None, path="/batches")
    batch_id = sandbox.store.start_batch(size=3, seconds=None)
    events = follow(following(), lambda: sandbox.store.complete_batch(batch_id))
    assert [event["id"] for event in events] == [batch_id]


@pytest.mark.usefixtures("_events_leave_at_once")
def test_watchers_of_one_asset_that_see_other_batches_keep_their_own_places(sandbox: Sandbox) -> None:
    store, created = StateStore(), datetime.now(UTC) - timedelta(hours=1)
    watchers = [f"+1650555000{n}" for n in range(2)]
    batch_ids = [
        sandbox.store.add_batch(created=created, completed=None, size=3, from_number=number).id for number in watchers
    ]
    for number in watchers:
        follow(following(store, from_number=number))
    for batch_id in batch_ids:
        sandbox.store.complete_batch(batch_id)
    events = [event["id"] for number in watchers for event in follow(following(store, from_number=number))]
    assert events == batch_ids
    assert not [number for number in watchers if number[1:] in json.dumps(store.values)]


@pytest.mark.usefixtures("_events_leave_at_once")
def test_of_two_assets_the_one_that_was_not_watched_for_a_while_repeats_nothing(sandbox: Sandbox) -> None:
    stale, current = StateStore(), StateStore()
    first = sandbox.store.start_batch(size=3, seconds=None)
    follow(following(stale))
    both: Any = SeveralStores(stale=stale, current=current)
    follow(following(current), lambda: sandbox.store.complete_batch(first))
    assert follow(following(both)) == []


@pytest.mark.usefixtures("_events_leave_at_once")
def test_the_place_that_an_earlier_version_noted_is_understood(sandbox: Sandbox) -> None:
    store = StateStore()
    store.values["hvsms_announced_batches"] = {
        batch.id: batch.creation_time.isoformat() for batch in sandbox.store.batches
    }
    new = sandbox.store.start_batch(size=3, seconds=0)
    assert [event["id"] for event in follow(following(store))] == [new]


def test_an_interval_of_zero_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="poll_interval"):
        following(poll_interval=0)
    with pytest.raises(InvalidRequest, match="poll_interval"):
        trigger("b", poll_interval=0)
