"""The wait of a task for batches that it sent."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import BatchesPending
from airflow_provider_hvsms.api.transport import TimeLimits
from airflow_provider_hvsms.hooks import hvsms
from airflow_provider_hvsms.operators.completion_wait import WaitArguments, with_status
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from tests.sensors.test_hvsms import after

LOG = logging.getLogger("tests")


def wait(*batch_ids: str, timeout: float = 20) -> list[dict[str, Any]]:
    arguments = WaitArguments(poke_interval=0.05, completion_timeout=timedelta(seconds=timeout))
    return arguments.wait(batch_ids, "hvsms_default", LOG)


def test_a_task_waits_until_all_its_batches_are_completed(sandbox: Sandbox, context: Any) -> None:
    done, slow = (sandbox.store.start_batch(size=10, seconds=seconds) for seconds in (0, None))
    after(sandbox, 3, lambda: sandbox.store.complete_batch(slow))
    assert [(batch["id"], batch["status"]) for batch in wait(done, slow)] == [(done, "Completed"), (slow, "Completed")]


def test_batches_that_take_too_long_are_named_and_nothing_is_sent_again(sandbox: Sandbox, context: Any) -> None:
    batch_id = sandbox.store.start_batch(size=10, seconds=None)
    with pytest.raises(BatchesPending, match=f"{batch_id}.*nothing is sent again.*goes on waiting"):
        wait(batch_id, timeout=0.1)


def test_a_service_that_does_not_answer_is_asked_again(
    sandbox: Sandbox, context: Any, monkeypatch: pytest.MonkeyPatch, task_log: Callable[[], str]
) -> None:
    monkeypatch.setitem(vars(hvsms), "TimeLimits", functools.partial(TimeLimits, tries=1))
    batch_id = sandbox.store.start_batch(size=10, seconds=0)
    sandbox.faults.add(Fault.server_error(503), times=2, path="/batches")
    assert wait(batch_id)[0]["status"] == "Completed"
    assert "This poke failed" in task_log()


def test_a_batch_that_the_service_does_not_know_fails_at_once(sandbox: Sandbox, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="/batches/no-such-batch.*404"):
        wait("no-such-batch")


def test_what_the_first_answer_told_stays_after_the_wait() -> None:
    sent = [{"id": "b1", "part": 1, "size": 10, "rejected_count": 2, "how": "sent"}]
    completed = [{"id": "b1", "status": "Completed", "cost": 0.1, "rejected_count": 0}]
    assert with_status(sent, completed) == [{**sent[0], "status": "Completed", "cost": 0.1}]
