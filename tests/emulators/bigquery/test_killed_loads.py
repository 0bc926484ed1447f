"""A load that is killed at any moment leaves the table as it was, or completely loaded."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from datetime import UTC, datetime

import pytest

from airflow_provider_hvsms.sinks.schema import Changes, Row
from airflow_provider_hvsms.sinks.warehouses import parts
from tests.emulators.bigquery.conftest import BigQueryWarehouse
from tests.emulators.warehouses.loading import LATER, SECOND_LOAD, load, many

ROWS = 2_500
KILLS = 20


def new_states() -> list[Row]:
    return many(ROWS, message_status="Delivered", last_modified_time=LATER)


def _load_in_process(rows: list[Row]) -> None:
    load([rows])
    os._exit(0)


def kill_after(seconds: float) -> bool:
    """Start a load and kill it.

    :return: whether it was still running.
    """
    process = multiprocessing.get_context("fork").Process(target=_load_in_process, args=(new_states(),))
    process.start()
    time.sleep(seconds)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def test_killed_loads_leave_no_partial_state(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_PER_PART", 1_000)
    load([many(ROWS)])
    started = time.monotonic()
    load([many(ROWS)])
    duration = time.monotonic() - started

    chance = random.Random(10)
    killed = [kill_after(chance.uniform(0, 1) * duration) for _ in range(KILLS)]
    warehouse.emulator.wait_until_idle()

    states = warehouse.query("SELECT message_status, COUNT(*) FROM sms.messages GROUP BY message_status")
    assert states in ([("Sent", ROWS)], [("Delivered", ROWS)])
    assert killed.count(True) > KILLS / 4
    stages = [name for name in warehouse.tables() if name != "messages"]
    expirations = warehouse.emulator.expirations()
    assert stages
    assert all((expirations[name] or datetime.min.replace(tzinfo=UTC)) > datetime.now(UTC) for name in stages)

    changes = load([[(*row[:-1], SECOND_LOAD) for row in new_states()]])
    assert changes.inserted == 0
    assert changes in (Changes(inserted=0, updated=ROWS, unchanged=0), Changes(inserted=0, updated=0, unchanged=ROWS))
    assert warehouse.query("SELECT message_status, COUNT(*) FROM sms.messages GROUP BY 1") == [("Delivered", ROWS)]
