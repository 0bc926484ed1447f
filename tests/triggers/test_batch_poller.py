"""The poller of a connection: one thread, one session and one poll for all triggers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_hvsms.hooks.client_settings import ClientSettings
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from airflow_provider_hvsms.triggers import batch_poller
from airflow_provider_hvsms.triggers.batch_poller import BatchPoller, PollInterval, Subscription
from tests.support.waiting import wait_for
from tests.triggers.running import delayed, first_event, run_all, set_connection, trigger


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> dict[Subscription, list[float]]:
    """When each subscription was polled, in seconds of the poller's clock."""
    polls: dict[Subscription, list[float]] = {}
    schedule = Subscription.schedule

    def record(subscription: Subscription, polled_at: float, epoch: float) -> None:
        polls.setdefault(subscription, []).append(polled_at)
        schedule(subscription, polled_at, epoch)

    monkeypatch.setattr(Subscription, "schedule", record)
    return polls


@pytest.fixture
def subscribed(monkeypatch: pytest.MonkeyPatch) -> list[Subscription]:
    """The subscriptions made so far."""
    subscribed: list[Subscription] = []
    subscribe = batch_poller.subscribe

    def record(settings: ClientSettings, subscription: Subscription) -> BatchPoller:
        poller = subscribe(settings, subscription)
        subscribed.append(subscription)
        return poller

    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms.subscribe", record)
    return subscribed


def test_many_triggers_share_one_login_and_one_request_per_poll(sandbox: Sandbox) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=None) for _ in range(100)]

    def check_and_complete() -> None:
        wait_for(lambda: sandbox.counters.requests["batches"] >= 3)
        assert sandbox.counters.requests["batch"] <= 3, "only in the first poll, before the others had subscribed"
        for batch_id in batch_ids:
            sandbox.store.complete_batch(batch_id)

    triggers = [trigger(batch_id, poll_interval=1) for batch_id in batch_ids]
    events = run_all(*triggers, meanwhile=check_and_complete)
    assert [event["batches"][0]["id"] for event in events] == batch_ids
    assert sum(sandbox.counters.logins.values()) == 1
    assert sandbox.counters.requests["batch"] <= 2 * len(batch_ids)


def test_the_last_trigger_that_fires_ends_the_session(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    run_all(trigger(batch_id))
    wait_for(lambda: sandbox.counters.revokes == 1)


def test_a_cancelled_trigger_does_not_affect_the_others(sandbox: Sandbox) -> None:
    remaining, cancelled = (sandbox.store.start_batch(size=10, seconds=None) for _ in range(2))

    async def scenario() -> Any:
        tasks = [asyncio.create_task(first_event(trigger(batch_id))) for batch_id in (remaining, cancelled)]
        await asyncio.to_thread(wait_for, lambda: sandbox.counters.reads >= 2)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        sandbox.store.complete_batch(remaining)
        return await asyncio.wait_for(tasks[0], timeout=10)

    assert asyncio.run(scenario())["batches"][0]["id"] == remaining


def test_the_last_trigger_that_is_cancelled_ends_the_session(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None)

    async def scenario() -> None:
        task = asyncio.create_task(first_event(trigger(batch_id)))
        await asyncio.to_thread(wait_for, lambda: sandbox.counters.reads >= 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    wait_for(lambda: sandbox.counters.revokes == 1)


def test_a_poller_has_one_thread_when_triggers_join_and_leave_during_a_poll(
    sandbox: Sandbox, subscribed: list[Subscription]
) -> None:
    first, second = (sandbox.store.start_batch(size=10, seconds=None) for _ in range(2))
    released = threading.Event()
    sandbox.faults.add(delayed(released), path="/batches/")

    async def scenario() -> Any:
        cancelled = asyncio.create_task(first_event(trigger(first)))
        await asyncio.to_thread(wait_for, lambda: sandbox.faults.pending == 0)
        cancelled.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await cancelled
        remaining = asyncio.create_task(first_event(trigger(second)))
        await asyncio.to_thread(wait_for, lambda: len(subscribed) == 2)
        assert sum(thread.name == "hvsms-batch-poller" for thread in threading.enumerate()) == 1
        released.set()
        sandbox.store.complete_batch(second)
        return await asyncio.wait_for(remaining, timeout=10)

    assert asyncio.run(scenario())["status"] == "success"


def test_each_trigger_has_its_own_interval(sandbox: Sandbox, polls: dict[Subscription, list[float]]) -> None:
    quick, slow = (sandbox.store.start_batch(size=10, seconds=None) for _ in range(2))

    def complete() -> None:
        wait_for(lambda: sandbox.counters.reads >= 12)
        sandbox.store.complete_batch(quick)
        sandbox.store.complete_batch(slow)

    run_all(trigger(quick), trigger(slow, poll_interval=0.9), meanwhile=complete)
    slow_polls, quick_polls = sorted(polls.values(), key=len)
    assert len(quick_polls) > len(slow_polls)
    assert all(later - earlier > 0.8 for earlier, later in itertools.pairwise(slow_polls))


def test_an_interval_may_double(sandbox: Sandbox, polls: dict[Subscription, list[float]]) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None)

    def complete() -> None:
        wait_for(lambda: sandbox.counters.reads >= 5)
        sandbox.store.complete_batch(batch_id)

    run_all(trigger(batch_id, poll_interval=0.02, longest_poll_interval=10), meanwhile=complete)
    [times] = polls.values()
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap > 0.9 * 0.02 * 2**poll for poll, gap in enumerate(gaps))


@pytest.mark.parametrize("started_apart", [0.0, 0.03])
def test_a_batch_is_polled_no_more_often_than_its_interval(
    sandbox: Sandbox, polls: dict[Subscription, list[float]], started_apart: float
) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=None) for _ in range(2)]

    async def scenario() -> None:
        tasks = []
        for batch_id in batch_ids:
            tasks.append(asyncio.create_task(first_event(trigger(batch_id, poll_interval=0.1))))
            await asyncio.sleep(started_apart)
        await asyncio.to_thread(wait_for, lambda: sandbox.counters.reads >= 20)
        for batch_id in batch_ids:
            sandbox.store.complete_batch(batch_id)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    for times in polls.values():
        assert times[-1] - times[0] > (len(times) - 1.2) * 0.1


@pytest.mark.parametrize("subscribed_at", [0.0, 0.08, 0.5, 0.95])
def test_polls_are_scheduled_at_least_an_interval_apart(subscribed_at: float) -> None:
    subscription = Subscription(["b"], PollInterval(initial=1.0), lambda _: None)
    subscription.due = 100.0 + subscribed_at
    due = [subscription.due]
    for _ in range(20):
        subscription.schedule(polled_at=subscription.due + 0.01, epoch=100.0)
        due.append(subscription.due)
    gaps = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert min(gaps) == pytest.approx(1.0)
    assert gaps[1:] == pytest.approx([1.0] * 19), "from the second poll on, exactly an interval"


def test_a_batch_on_its_own_is_due_once_an_interval(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    due: list[float] = []
    schedule = Subscription.schedule

    def record(subscription: Subscription, polled_at: float, epoch: float) -> None:
        due.append(subscription.due)
        schedule(subscription, subscription.due, epoch)

    monkeypatch.setattr(Subscription, "schedule", record)
    batch_id = sandbox.store.start_batch(size=10, seconds=None)

    def complete() -> None:
        wait_for(lambda: len(due) >= 3)
        sandbox.store.complete_batch(batch_id)

    run_all(trigger(batch_id, poll_interval=0.3), meanwhile=complete)
    assert due[1] - due[0] == pytest.approx(0.3), "not two intervals, to be polled together with others"


@pytest.mark.usefixtures("_no_retries")
def test_retries_are_at_least_an_interval_apart(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.batch_poller._MAX_PAUSE", 0.01)
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    sandbox.faults.add(Fault.server_error(503), times=3, path="/batches")
    started = time.monotonic()
    run_all(trigger(batch_id, poll_interval=0.4))
    assert time.monotonic() - started > 3 * 0.4


@pytest.mark.usefixtures("_no_retries")
def test_an_outage_loses_no_trigger_and_is_logged_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    sandbox.faults.add(Fault.server_error(503), times=4, path="/batches")
    [event] = run_all(trigger(batch_id))
    assert event["status"] == "success"
    assert sandbox.counters.answers[503] == 4
    assert sum("cannot be polled" in message for message in caplog.messages) == 1


def test_creation_times_are_kept_for_subscriptions_with_other_intervals(sandbox: Sandbox) -> None:
    batch_ids = [[sandbox.store.start_batch(size=1, seconds=None) for _ in range(4)] for _ in range(2)]

    def complete() -> None:
        wait_for(lambda: sandbox.counters.requests["batches"] >= 8)
        for batch_id in itertools.chain(*batch_ids):
            sandbox.store.complete_batch(batch_id)

    run_all(trigger(*batch_ids[0], poll_interval=0.1), trigger(*batch_ids[1], poll_interval=0.15), meanwhile=complete)
    lists = [parse_qs(urlsplit(entry.path).query) for entry in sandbox.counters.log if "/batches?" in entry.path]
    starts = [datetime.fromisoformat(query["dateFrom"][0]) for query in lists]
    assert sum(datetime.now(UTC) - start > timedelta(days=1) for start in starts) <= 2, "the first list of each trigger"


def test_an_unknown_batch_fails_its_own_trigger_only(sandbox: Sandbox) -> None:
    known = sandbox.store.start_batch(size=10, seconds=None)

    def complete() -> None:
        wait_for(lambda: sandbox.counters.answers[404] >= 1)
        sandbox.store.complete_batch(known)

    failed, succeeded = run_all(trigger("no-such-batch"), trigger(known), meanwhile=complete)
    assert failed["status"] == "error"
    assert "/batches/no-such-batch" in failed["message"]
    assert succeeded["status"] == "success"


def test_an_id_that_the_service_rejects_fails_its_own_trigger_only(sandbox: Sandbox) -> None:
    known = sandbox.store.start_batch(size=10, seconds=None)
    sandbox.faults.add(Fault.server_error(400), path="/batches/odd")

    def complete() -> None:
        wait_for(lambda: sandbox.counters.answers[400] >= 1)
        sandbox.store.complete_batch(known)

    failed, succeeded = run_all(trigger("odd"), trigger(known), meanwhile=complete)
    assert (failed["status"], succeeded["status"]) == ("error", "success")


def test_a_batch_that_is_deleted_during_the_wait_fails_its_trigger(sandbox: Sandbox) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=None) for _ in range(5)]

    def delete_and_complete() -> None:
        wait_for(lambda: sandbox.counters.requests["batches"] >= 2)
        sandbox.store.delete_batch(batch_ids[0])
        for batch_id in batch_ids[1:]:
            sandbox.store.complete_batch(batch_id)

    deleted, others = run_all(trigger(batch_ids[0]), trigger(*batch_ids[1:]), meanwhile=delete_and_complete)
    assert batch_ids[0] in deleted["message"]
    assert others["status"] == "success"


def test_wrong_credentials_end_all_triggers_with_that_message(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, subscribed: list[Subscription]
) -> None:
    set_connection(monkeypatch, {**hvsms_connection, "password": "wrong"})
    released = threading.Event()
    sandbox.faults.add(delayed(released), path="token")

    def release() -> None:
        wait_for(lambda: len(subscribed) == 3)
        released.set()

    events = run_all(trigger("one"), trigger("two"), trigger("three"), meanwhile=release)
    assert all("client secret" in event["message"] for event in events)
    assert sandbox.counters.failed_logins == 1


def test_an_undocumented_status_counts_as_pending_and_is_logged_once(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None, status="Paused")

    def complete() -> None:
        wait_for(lambda: sandbox.counters.reads >= 3)
        sandbox.store.complete_batch(batch_id)

    [event] = run_all(trigger(batch_id), meanwhile=complete)
    assert event["status"] == "success"
    assert sum("'Paused'" in message for message in caplog.messages) == 1
