"""Runs an example with `personal_data="hash"` in a test, and tells what it leaves behind in Airflow."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.dags.conftest import RunExample, latest_result
from tests.dags.personal_data_run import protect
from tests.support.history import last_day
from tests.support.leaks import Scan, without_requests_to_mask

HASH_KEY = "the-hash-key-of-the-scan"
ODD_TEXT = "a text of an odd record"

RunHashed = Callable[[str, str], tuple[Scan, str]]


@pytest.fixture
def run_hashed(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    run_example: RunExample,
    monkeypatch: pytest.MonkeyPatch,
    task_log: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
) -> RunHashed:
    """Runs the example of a file. Returns a scan, and the log at DEBUG with the result of a task."""

    def run(name: str, task_id: str) -> tuple[Scan, str]:
        connection = {**hvsms_connection, "extra": {**hvsms_connection["extra"], "hash_key": HASH_KEY}}
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(connection))
        caplog.set_level(logging.DEBUG)
        _, end = last_day(sandbox)
        odd = {"id": 7, "from": sandbox.store.messages[0].from_number, "text": ODD_TEXT}
        sandbox.store.add_raw_message(odd, created=end - timedelta(hours=1))
        assert run_example(name, end, prepare=protect) == "success"
        left = f"{latest_result(task_id)} {without_requests_to_mask(task_log())}"
        return Scan.of(sandbox, HASH_KEY, ODD_TEXT), left

    return run
