"""How to test a DAG or a task of one's own with the sandbox: the documentation shows this file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A message store with 500 messages of the last two days, behind the connection `hvsms_default`."""
    with Sandbox(Settings(messages=500, days=2)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(sandbox.airflow_connection))
        yield sandbox


def test_a_lost_connection_does_not_fail_the_task(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault.drop(), path="/messages")
    end = sandbox.settings.end
    assert end is not None
    operator = HvsmsMessagesToObjectStorageOperator(
        task_id="messages", path=f"file://{tmp_path}/lake", date_to=end, window=timedelta(days=2)
    )

    summary = operator.execute({})

    assert summary["rows"] == 500
    assert sandbox.counters.reads > summary["pages"]
