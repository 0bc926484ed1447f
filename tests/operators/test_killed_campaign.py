"""A try that is killed right after its request is followed by one that finds the batch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.conftest import Warehouse
from tests.support.send_operator import run_of, send_operator, sent

ROOT = Path(__file__).parents[2]

KILLED = """
import os, signal
from airflow_provider_hvsms.campaigns.part_record import PartRecord
from tests.support.send_operator import run_of, send_operator

PartRecord.note_created = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
send_operator().execute(run_of())
"""


def test_a_process_killed_after_its_request_leaves_a_batch_that_the_next_try_adopts(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.campaigns.lookup._FIRST_PAUSE", 0.2)
    with Sandbox(Settings(messages=100, days=3, light=10_000, auth=1_000, sending_time=0.2)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(sandbox.airflow_connection))
        killed = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert killed.returncode == -signal.SIGKILL
        assert set(sent(sandbox).values()) == {1}
        result = send_operator(lookup_time=timedelta(seconds=30)).execute(run_of())
        assert [batch["how"] for batch in result["batches"]] == ["adopted"]
        assert set(sent(sandbox).values()) == {1}
