"""`HvsmsBatchTrigger`: one event when its batches are completed or cannot be observed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchTrigger
from tests.support.waiting import wait_for
from tests.triggers.running import delayed, first_event, run_all, set_connection, trigger, wait_for_polls


def test_the_trigger_fires_when_the_batch_is_completed(sandbox: Sandbox) -> None:
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


def test_the_event_contains_no_phone_number_and_is_json(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0, from_number="+16505550177")
    [event] = run_all(trigger(batch_id))
    assert json.loads(json.dumps(event)) == event
    assert "6505550177" not in json.dumps(event)


def test_several_batches_make_one_event(sandbox: Sandbox) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=None) for _ in range(6)]

    def complete_one_by_one() -> None:
        for batch_id in batch_ids:
            wait_for_polls(sandbox, 1)
            sandbox.store.complete_batch(batch_id)

    [event] = run_all(trigger(*batch_ids), meanwhile=complete_one_by_one)
    assert [batch["id"] for batch in event["batches"]] == batch_ids


def test_a_connection_that_cannot_be_used_ends_all_triggers_with_that_message(
    hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, "extra": {}}))
    events = run_all(trigger("one"), trigger("two"))
    assert all("jwt_token and username are both missing" in event["message"] for event in events)


def test_the_first_poll_is_not_earlier_than_not_before(sandbox: Sandbox) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    not_before = datetime.now(UTC) + timedelta(seconds=0.4)
    run_all(trigger(batch_id, not_before=not_before.isoformat()))
    assert sandbox.counters.log[0].time >= not_before.timestamp()


def test_a_trigger_can_be_created_from_its_serialization() -> None:
    original = trigger("one", "two", longest_poll_interval=9.0)
    path, arguments = json.loads(json.dumps(original.serialize()))
    assert path == "airflow_provider_hvsms.triggers.hvsms.HvsmsBatchTrigger"
    assert HvsmsBatchTrigger(**arguments).serialize() == original.serialize()


@pytest.mark.usefixtures("_no_retries")
def test_a_trigger_created_after_the_connection_was_corrected_uses_the_new_settings(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    set_connection(monkeypatch, {**hvsms_connection, "host": "http://127.0.0.1:1"})

    async def scenario() -> Any:
        stuck = asyncio.create_task(first_event(trigger(batch_id)))
        await asyncio.to_thread(wait_for, lambda: "cannot be polled" in caplog.text)
        set_connection(monkeypatch, hvsms_connection)
        event = await asyncio.wait_for(first_event(trigger(batch_id)), timeout=10)
        stuck.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stuck
        return event

    assert asyncio.run(scenario())["status"] == "success"


def test_a_refused_login_is_repeated_with_the_current_connection(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_connection(monkeypatch, {**hvsms_connection, "password": "rotated away"})
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    released = threading.Event()
    sandbox.faults.add(delayed(released), path="token")

    def rotate() -> None:
        wait_for(lambda: sandbox.faults.pending == 0)
        set_connection(monkeypatch, hvsms_connection)
        released.set()

    [event] = run_all(trigger(batch_id), meanwhile=rotate)
    assert event["status"] == "success"
    assert sandbox.counters.failed_logins == 1


@pytest.mark.usefixtures("_no_retries")
def test_a_trigger_that_cannot_reach_the_service_takes_up_a_corrected_host(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.triggers.hvsms._RECHECK_INTERVAL", 0.2)
    set_connection(monkeypatch, {**hvsms_connection, "host": "http://127.0.0.1:1"})
    batch_id = sandbox.store.start_batch(size=10, seconds=0)

    def correct() -> None:
        wait_for(lambda: "cannot be polled" in caplog.text)
        set_connection(monkeypatch, hvsms_connection)

    [event] = run_all(trigger(batch_id), meanwhile=correct)
    assert event["status"] == "success"


def test_an_interval_of_zero_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="poll_interval"):
        trigger("b", poll_interval=0)
