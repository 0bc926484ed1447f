"""The sensors, in poke mode and deferred: what they wait for, return, and fail with."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import UserList
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_hvsms.api.errors import ConnectionUnavailable, InvalidRequest
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from airflow_provider_hvsms.sandbox.http.response import Response
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor, HvsmsIntervalBatchesSensor
from tests.support.history import DAY, last_day
from tests.support.waiting import wait_for


def batch_sensor(**arguments: Any) -> HvsmsBatchSensor:
    return HvsmsBatchSensor(task_id="wait", **{"poke_interval": 0.05, "timeout": 20, "deferrable": False, **arguments})


def interval_sensor(**arguments: Any) -> HvsmsIntervalBatchesSensor:
    given = {"poke_interval": 0.05, "timeout": 20, "deferrable": False, **arguments}
    return HvsmsIntervalBatchesSensor(task_id="wait", **given)


def after(sandbox: Sandbox, reads: int, action: Callable[[], Any]) -> threading.Thread:
    """Start a thread that acts when the sandbox has answered this many reads."""

    def wait_and_act() -> None:
        wait_for(lambda: sandbox.counters.reads >= reads)
        action()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def fire(deferral: TaskDeferred) -> dict[str, Any]:
    """The event that the triggerer sends for a deferred task."""

    async def first() -> dict[str, Any]:
        async for event in deferral.trigger.run():
            payload: dict[str, Any] = event.payload
            return payload
        raise AssertionError("The trigger ended without an event.")

    return asyncio.run(asyncio.wait_for(first(), timeout=10))


def resume(sensor: Any, deferral: TaskDeferred, context: Any) -> Any:
    return getattr(sensor, deferral.method_name)(context, event=fire(deferral), **(deferral.kwargs or {}))


def test_a_batch_is_waited_for_and_returned_without_phone_numbers(sandbox: Sandbox, context: Any) -> None:
    batch_id = sandbox.store.start_batch(size=1_000, seconds=None, from_number="+16505550177", rejected=2)
    after(sandbox, 2, lambda: sandbox.store.complete_batch(batch_id))
    [batch] = batch_sensor(batch_id=batch_id).execute(context)
    assert (batch["id"], batch["status"], batch["batch_size"], batch["rejected_count"]) == (
        batch_id, "Completed", 1_000, 2,
    )  # fmt: skip
    assert "6505550177" not in json.dumps(batch)


def test_the_progress_is_logged(sandbox: Sandbox, context: Any, task_log: Callable[[], str]) -> None:
    created = datetime.now(UTC)
    sandbox.store.add_batch(created=created, completed=None, size=1_000, processed=350, batch_id="b")
    with pytest.raises(AirflowSensorTimeout):
        batch_sensor(batch_id="b", timeout=0.01).execute(context)
    assert "Batch b is Processing: 350 of 1,000 processed, 0 rejected." in task_log()


def test_a_sensor_in_poke_mode_logs_in_once(sandbox: Sandbox, context: Any) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None)
    after(sandbox, 5, lambda: sandbox.store.complete_batch(batch_id))
    batch_sensor(batch_id=batch_id).execute(context)
    assert (sum(sandbox.counters.logins.values()), sandbox.counters.revokes) == (1, 1)


@pytest.mark.parametrize("as_text", [False, True])
def test_several_batches_are_returned_without_duplicates(sandbox: Sandbox, context: Any, as_text: bool) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=0) for _ in range(2)]
    named = [*batch_ids, batch_ids[0]]
    result = batch_sensor(batch_id=", ".join(named) if as_text else named).execute(context)
    assert [batch["id"] for batch in result] == batch_ids
    assert sandbox.counters.reads == 2


def test_an_unknown_batch_fails_at_once(sandbox: Sandbox, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="/batches/no-such-batch.*404"):
        batch_sensor(batch_id="no-such-batch").execute(context)


def test_an_unknown_batch_skips_with_soft_fail(sandbox: Sandbox, context: Any) -> None:
    with pytest.raises(AirflowSkipException):
        batch_sensor(batch_id="no-such-batch", soft_fail=True).execute(context)


def test_a_batch_that_takes_too_long_times_out(sandbox: Sandbox, context: Any) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None)
    with pytest.raises(AirflowSensorTimeout):
        batch_sensor(batch_id=batch_id, timeout=0.01).execute(context)


def test_a_poke_that_fails_is_repeated(sandbox: Sandbox, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.api.transport.TimeLimits.tries", 1)
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    sandbox.faults.add(Fault.server_error(503), times=2, path="/batches")
    assert batch_sensor(batch_id=batch_id).execute(context)[0]["status"] == "Completed"


@pytest.mark.parametrize("rendered", ["", "None", None, [], ["a", ""], [["a"]], [[{"id": "a"}]]])
def test_an_empty_batch_id_fails_at_once(sandbox: Sandbox, context: Any, rendered: Any) -> None:
    for deferrable in (False, True):
        sensor = batch_sensor(batch_id="{{ params.x }}", deferrable=deferrable)
        sensor.batch_id = rendered
        with pytest.raises(AirflowFailException, match="batch_id is"):
            sensor.execute(context)
    assert sandbox.counters.reads == 0


def test_batches_may_be_the_lazy_result_of_another_task(sandbox: Sandbox, context: Any) -> None:
    batch_ids = [sandbox.store.start_batch(size=10, seconds=0) for _ in range(2)]
    lazy: Any = UserList({"id": batch_id, "status": "Processing"} for batch_id in batch_ids)
    sensor = batch_sensor(batch_id="{{ params.x }}")
    sensor.batch_id = lazy
    assert [batch["id"] for batch in sensor.execute(context)] == batch_ids


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_id": []}, "batch_id"),
        ({"batch_id": ""}, "batch_id"),
        ({"batch_id": "b", "poke_interval": 0}, "poke_interval"),
        ({"batch_id": "b", "poke_interval": -1}, "poke_interval|non-negative"),
    ],
)
def test_invalid_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], message: str) -> None:
    # Airflow itself refuses a negative interval, with an error of its own.
    with pytest.raises(Exception, match=message) as refusal:
        batch_sensor(**arguments)
    assert isinstance(refusal.value, InvalidRequest) or arguments.get("poke_interval") == -1


def test_a_deferrable_sensor_sends_no_request_from_the_worker(sandbox: Sandbox, context: Any) -> None:
    """A thousand concurrent sensors would otherwise log in a thousand times."""
    sensor = batch_sensor(batch_id="b", deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    assert sandbox.counters.snapshot()["answers"] == {}
    assert deferral.value.timeout == pytest.approx(timedelta(seconds=20), abs=timedelta(seconds=1))


def test_a_deferrable_sensor_returns_the_same_as_one_in_poke_mode(sandbox: Sandbox, context: Any) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    sensor = batch_sensor(batch_id=batch_id, deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    assert resume(sensor, deferral.value, context) == batch_sensor(batch_id=batch_id).execute(context)


def test_a_deferred_sensor_fails_with_the_triggers_message(sandbox: Sandbox, context: Any) -> None:
    sensor = batch_sensor(batch_id="no-such-batch", deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    with pytest.raises(AirflowFailException, match="/batches/no-such-batch.*404"):
        resume(sensor, deferral.value, context)


def test_an_exponential_backoff_is_passed_to_the_trigger(sandbox: Sandbox, context: Any) -> None:
    sensor = batch_sensor(
        batch_id="b", deferrable=True, exponential_backoff=True, max_wait=timedelta(minutes=5), poke_interval=30
    )
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    arguments = deferral.value.trigger.serialize()[1]
    assert (arguments["poll_interval"], arguments["longest_poll_interval"]) == (30, 300)


def test_all_batches_of_the_interval_are_found_by_one_list_per_poke(sandbox: Sandbox, context: Any) -> None:
    start, end = last_day(sandbox)
    late = sandbox.store.add_batch(created=end - timedelta(minutes=1), completed=None, size=10).id
    after(sandbox, 3, lambda: sandbox.store.complete_batch(late))
    result = interval_sensor().execute(context)
    expected = [batch.id for batch in sandbox.store.batches if start <= batch.creation_time < end]
    assert sorted(batch["id"] for batch in result) == sorted(expected)
    assert set(sandbox.counters.requests) == {"batches"}


def test_only_batches_of_the_given_number_are_waited_for(sandbox: Sandbox, context: Any) -> None:
    _, end = last_day(sandbox)
    sandbox.store.add_batch(created=end - timedelta(minutes=1), completed=None, size=1, from_number="+16505550177")
    sender = sandbox.store.batches[0].from_number
    result = interval_sensor(from_number=sender).execute(context)
    assert {batch["status"] for batch in result} == {"Completed"}


def test_an_interval_without_batches_returns_at_once(sandbox: Sandbox, context: Any) -> None:
    long_ago = {"date_from": "2001-01-01T00:00:00Z", "date_to": "2001-01-02T00:00:00Z"}
    assert interval_sensor(**long_ago).execute(context) == []


def test_a_window_that_has_not_ended_is_waited_for_and_logged(
    sandbox: Sandbox, context: Any, task_log: Callable[[], str]
) -> None:
    today: Any = {"data_interval_start": last_day(sandbox)[1], "data_interval_end": last_day(sandbox)[1] + 2 * DAY}
    with pytest.raises(AirflowSensorTimeout):
        interval_sensor(timeout=0.01).execute(today)
    assert "The window ends at" in task_log()
    assert sandbox.counters.reads == 0


def test_an_empty_interval_fails_at_once(sandbox: Sandbox, context: Any) -> None:
    context["data_interval_start"] = context["data_interval_end"]
    with pytest.raises(AirflowFailException, match="data interval is empty"):
        interval_sensor().execute(context)


def test_an_interval_sensor_can_be_deferred(sandbox: Sandbox, context: Any) -> None:
    _, end = last_day(sandbox)
    late = sandbox.store.add_batch(created=end - timedelta(minutes=1), completed=None, size=10).id
    sensor = interval_sensor(deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    assert deferral.value.trigger.serialize()[1]["batch_ids"] == [late]
    after(sandbox, sandbox.counters.reads + 1, lambda: sandbox.store.complete_batch(late))
    assert late in [batch["id"] for batch in resume(sensor, deferral.value, context)]


def test_a_deferred_window_that_has_not_ended_is_polled_at_its_end(sandbox: Sandbox, context: Any) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    soon: Any = {"data_interval_start": end - DAY, "data_interval_end": end}
    sensor = interval_sensor(deferrable=True, from_number="+1000", timeout=7200)
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(soon)
    assert deferral.value.trigger.not_before == end.isoformat()
    assert sandbox.counters.reads == 0
    with time_machine.travel(end, tick=True):
        assert resume(sensor, deferral.value, soon) == []


@pytest.mark.parametrize("mode", [{"soft_fail": True}, {"never_fail": True}])
def test_fail_modes_apply_to_a_deferrable_sensor(sandbox: Sandbox, context: Any, mode: dict[str, bool]) -> None:
    sensor = batch_sensor(batch_id="{{ missing }}", deferrable=True, **mode)
    sensor.batch_id = ""
    with pytest.raises(AirflowSkipException, match="batch_id"):
        sensor.execute(context)
    failed = {"event": {"status": "error", "message": "the login was refused"}}
    for method, arguments in (("execute_complete", failed), ("__fail__", {"error": "Trigger timeout"})):
        with pytest.raises(AirflowSkipException):
            sensor.resume_execution(method, arguments, context)
    context["data_interval_start"] = context["data_interval_end"]
    with pytest.raises(AirflowSkipException, match="data interval is empty"):
        interval_sensor(deferrable=True, **mode).execute(context)


@pytest.mark.parametrize("mode", [{"soft_fail": True}, {"never_fail": True}])
def test_fail_modes_apply_to_a_deferrable_sensor_that_times_out_in_the_worker(
    sandbox: Sandbox, context: Any, mode: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = interval_sensor(deferrable=True, **mode)

    def take_too_long(*_: Any) -> Any:
        raise AirflowTaskTimeout("Timeout")

    monkeypatch.setattr(sensor, "find_batches", take_too_long)
    with pytest.raises(AirflowSkipException):
        sensor.execute(context)


def test_a_batch_on_two_pages_is_returned_once(sandbox: Sandbox, context: Any) -> None:
    def twice(make: Callable[[], Response], wait: Any) -> Response:
        answer = make()
        content = json.loads(answer.body)
        return replace(answer, body=json.dumps({**content, "records": 2 * content["records"]}).encode())

    once = interval_sensor().execute(context)
    sandbox.faults.add(Fault(twice), path="/batches")
    assert interval_sensor().execute(context) == once != []


def test_a_deferred_interval_sensor_polls_after_its_interval(sandbox: Sandbox, context: Any) -> None:
    start, _ = last_day(sandbox)
    sandbox.store.add_batch(created=start, completed=None, size=5)
    with pytest.raises(TaskDeferred) as deferred:
        interval_sensor(deferrable=True, poke_interval=30).execute(context)
    earliest = datetime.fromisoformat(deferred.value.trigger.not_before)
    assert earliest > datetime.now(UTC) + timedelta(seconds=25)


def test_a_missing_connection_is_left_to_the_retries_of_airflow(
    sandbox: Sandbox, context: Any, airflow_database: None
) -> None:
    with pytest.raises(ConnectionUnavailable, match="'nowhere'"):
        batch_sensor(batch_id="b", hvsms_conn_id="nowhere").execute(context)
