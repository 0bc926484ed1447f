"""What follows a batch runs only if the batch keeps to its limits; if not, somebody is told in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import CheckFailed
from airflow_provider_hvsms.sandbox import Sandbox
from dags_examples.hvsms_check_statuses import alert
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample, latest_result, states_of_latest_run

DAG_ID = "hvsms_check_statuses"


def add_batch(sandbox: Sandbox, *, failures: int) -> None:
    created = datetime.now(UTC) - timedelta(hours=30)
    sandbox.store.add_batch(created=created, completed=created + timedelta(minutes=1), size=20, batch_id="campaign")
    for number in range(20):
        sandbox.store.add_message(
            created=created,
            from_number="+16505550100",
            to_number=f"+1650555{number:04}",
            batch_id="campaign",
            final_status="DeliveryFailed" if number < failures else "Delivered",
            error_code="SMS-CAR-430" if number < failures else None,
        )


def test_a_batch_within_its_limits_goes_on(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], sqlite_warehouse: Warehouse, run_example: RunExample
) -> None:
    add_batch(sandbox, failures=1)
    assert run_example(DAG_ID, datetime.now(UTC), conf={"batch_id": "campaign"}) == "success"
    assert set(states_of_latest_run(DAG_ID).values()) == {"success"}
    assert [error["code"] for error in latest_result("check_statuses")["errors"]] == ["SMS-CAR-430"]


@pytest.mark.parametrize("limits", [{}, {"max_failed_ratio": 1, "max_cost": 0.01}])
def test_a_batch_that_breaks_a_limit_stops_what_follows(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    sqlite_warehouse: Warehouse,
    run_example: RunExample,
    limits: dict[str, Any],
) -> None:
    add_batch(sandbox, failures=2)
    assert run_example(DAG_ID, datetime.now(UTC), conf={"batch_id": "campaign", **limits}) == "failed"
    states = states_of_latest_run(DAG_ID)
    assert (states["load_messages"], states["check_statuses"], states["go_on"]) == (
        "success", "failed", "upstream_failed",
    )  # fmt: skip


# Test runs of Airflow 3.1 call no callbacks.
def test_the_alert_has_the_sentence_of_the_check(task_log: Callable[[], str]) -> None:
    alert({"exception": CheckFailed("Of 20 messages, 2 have failed.")})
    assert "To the campaign's owner: Of 20 messages, 2 have failed." in task_log()
