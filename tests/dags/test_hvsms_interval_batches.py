"""The daily load begins when all of the day's batches are completed."""

from __future__ import annotations

from typing import Any

from airflow_provider_hvsms.sandbox import Sandbox
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample
from tests.support.history import last_day, stored_between


def test_the_days_batches_are_waited_for_and_its_messages_loaded(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], sqlite_warehouse: Warehouse, run_example: RunExample
) -> None:
    start, end = last_day(sandbox)
    assert run_example("hvsms_interval_batches", end) == "success"
    assert sqlite_warehouse.query("SELECT count(*) FROM hvsms_messages") == [
        (len(stored_between(sandbox, start, end)),)
    ]
