"""What follows a batch runs when it is completed, and depends on its failure rate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample, states_of_latest_run


@pytest.mark.parametrize(
    ("failures", "runs", "is_skipped"), [(0, "go_on", "too_many_failures"), (3, "too_many_failures", "go_on")]
)
def test_a_batch_is_waited_for_loaded_and_judged(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    sqlite_warehouse: Warehouse,
    run_example: RunExample,
    failures: int,
    runs: str,
    is_skipped: str,
) -> None:
    created = datetime.now(UTC) - timedelta(hours=30)
    sandbox.store.add_batch(created=created, completed=created + timedelta(minutes=1), size=10, batch_id="campaign")
    for number in range(10):
        sandbox.store.add_message(
            created=created,
            from_number="+16505550100",
            to_number=f"+1650555{number:04}",
            batch_id="campaign",
            final_status="DeliveryFailed" if number < failures else "Delivered",
        )
    assert run_example("hvsms_wait_for_batch", datetime.now(UTC), conf={"batch_id": "campaign"}) == "success"
    assert sqlite_warehouse.query("SELECT count(*) FROM hvsms_batch_messages") == [(10,)]
    states = states_of_latest_run("hvsms_wait_for_batch")
    assert (states[runs], states[is_skipped]) == ("success", "skipped")


def test_a_run_without_a_batch_id_fails_at_once(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], sqlite_warehouse: Warehouse, run_example: RunExample
) -> None:
    assert run_example("hvsms_wait_for_batch", datetime.now(UTC), conf={"batch_id": ""}) == "failed"
    assert sandbox.counters.reads == 0
