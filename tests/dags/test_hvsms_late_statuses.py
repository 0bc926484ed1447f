"""The messages of a week ago are read again, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_hvsms.sandbox import Sandbox
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample
from tests.support.history import last_day, stored_between


def test_the_day_that_ended_a_week_before_the_interval_is_loaded(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], warehouse: Warehouse, run_example: RunExample
) -> None:
    start, end = last_day(sandbox)
    assert run_example("hvsms_late_statuses", end + timedelta(days=7)) == "success"
    expected = sorted((str(message.id),) for message in stored_between(sandbox, start, end))
    assert sorted(warehouse.query("SELECT id FROM hvsms_messages")) == expected
