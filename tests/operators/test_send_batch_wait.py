"""`HvsmsSendBatchOperator` with `wait_for_completion`: in the worker, in the triggerer, and after a failed wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_hvsms.api.errors import BatchesPending
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor
from tests.conftest import Warehouse
from tests.sensors.test_hvsms import fire, resume
from tests.support.send_operator import numbers, run_of, send_operator, sent

FIELDS = {"id", "part", "size", "rejected_count", "how"}
STATE = {"status", "batch_size", "processed_count", "cost", "creation_time"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store in which a batch takes a second."""
    with Sandbox(Settings(messages=100, days=3, light=10_000, auth=1_000, sending_time=1)) as sandbox:
        yield sandbox


def waiting(**arguments: Any) -> Any:
    given = {"wait_for_completion": True, "deferrable": False, "poke_interval": 0.1, "max_batch_size": 2}
    return send_operator(recipients=numbers(3), **{**given, **arguments})


def deferral_of(operator: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(run_of())
    return deferral.value


def test_the_result_has_the_batches_as_they_are_when_all_are_completed(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    batches = waiting().execute(run_of())["batches"]
    assert [(batch["part"], batch["status"], batch["processed_count"]) for batch in batches] == [
        (1, "Completed", 2), (2, "Completed", 1),
    ]  # fmt: skip
    assert [batch.keys() for batch in batches] == [FIELDS | STATE] * 2


def test_a_deferred_wait_returns_the_same(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    operator = waiting(deferrable=True)
    deferral = deferral_of(operator)
    resumed = resume(operator, deferral, run_of())
    in_the_worker = waiting().execute(run_of())
    assert [{**batch, "how": "known"} for batch in resumed["batches"]] == in_the_worker["batches"]
    assert resumed["batch_ids"] == deferral.trigger.batch_ids


@pytest.mark.parametrize("deferrable", [False, True])
def test_batches_that_are_listed_late_are_waited_for(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, *, deferrable: bool
) -> None:
    sandbox.faults.add(Fault.listed_late(1.0), times=None, path="/batches", method="POST")
    operator = waiting(deferrable=deferrable)
    result = resume(operator, deferral_of(operator), run_of()) if deferrable else operator.execute(run_of())
    assert {batch["status"] for batch in result["batches"]} == {"Completed"}


def test_a_batch_that_is_never_listed_fails_for_good(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    sandbox.faults.add(Fault.listed_late(60.0), path="/batches", method="POST")
    with pytest.raises(AirflowFailException, match="404"):
        waiting(lookup_time=timedelta(seconds=0.5)).execute(run_of())


def test_what_a_deferral_keeps_holds_no_numbers_and_no_texts(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    deferral = deferral_of(waiting(deferrable=True))
    kept = repr((deferral.kwargs, deferral.trigger.serialize()))
    assert not [number for number in numbers(3) if number[1:] in kept]
    assert "store opens" not in kept


def test_resuming_sends_nothing(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    operator = waiting(deferrable=True)
    deferral = deferral_of(operator)
    event = fire(deferral)
    before = sandbox.counters.snapshot()
    operator.resume_execution(deferral.method_name, {**(deferral.kwargs or {}), "event": event}, run_of())
    assert sandbox.counters.snapshot() == before


@pytest.mark.parametrize("timeout", [None, "Trigger timeout", "Trigger/execution timeout"])
def test_batches_that_take_too_long_fail_the_try_and_the_next_one_only_waits(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse, timeout: str | None
) -> None:
    hasty = waiting(deferrable=timeout is not None, completion_timeout=timedelta(milliseconds=1))
    with pytest.raises(BatchesPending, match="nothing is sent again.*completion_timeout"):
        if timeout:
            deferral_of(hasty)
            hasty.resume_execution("__fail__", {"error": timeout}, run_of())
        hasty.execute(run_of())
    result = waiting().execute(run_of())
    assert {batch["how"] for batch in result["batches"]} == {"known"}
    assert max(sent(sandbox).values()) == 1


def test_a_wait_that_fails_in_the_triggerer_says_that_nothing_is_sent_again(
    sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse
) -> None:
    operator = waiting(deferrable=True)
    deferral = deferral_of(operator)
    event = {"status": "error", "message": "the login was refused"}
    with pytest.raises(AirflowFailException, match="the login was refused.*nothing is sent again"):
        operator.execute_complete(run_of(), event=event, **(deferral.kwargs or {}))


def test_a_sensor_waits_for_what_was_sent(sandbox: Sandbox, context: Any, sqlite_warehouse: Warehouse) -> None:
    result = send_operator(recipients=numbers(3), max_batch_size=2).execute(run_of())
    sensor = HvsmsBatchSensor(task_id="wait", batch_id=result["batch_ids"], poke_interval=0.1, deferrable=False)
    assert [batch["status"] for batch in sensor.execute(context)] == ["Completed"] * 2
