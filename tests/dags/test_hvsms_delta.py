"""The Delta table holds each message once, however often the day is loaded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from airflow_provider_hvsms.sandbox import Sandbox
from tests.dags.conftest import RunExample, latest_result
from tests.sinks.delta.tables import all_rows
from tests.support.history import DAY, last_day, stored_between


def test_two_days_are_merged_and_a_second_run_changes_nothing(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    run_example: RunExample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HVSMS_LAKE", f"file://{tmp_path}/lake")
    start, end = last_day(sandbox)
    sandbox.store.add_raw_message({"id": 7}, created=end - timedelta(hours=1))
    expected = stored_between(sandbox, start - DAY, end)

    assert run_example("hvsms_delta", end) == "success"
    changes = {"inserted": len(expected), "updated": 0, "unchanged": 0}
    assert latest_result("merge_messages").items() >= {**changes, "rejected": 1}.items()
    first = all_rows(DeltaTable(tmp_path / "lake" / "messages")).sort_by("id")
    assert dict(zip(first["id"].to_pylist(), first["text"].to_pylist(), strict=True)) == {
        str(message.id): message.text for message in expected
    }

    assert run_example("hvsms_delta", end) == "success"
    changes = {"inserted": 0, "updated": 0, "unchanged": len(expected)}
    assert latest_result("merge_messages").items() >= {**changes, "rejected": 1}.items()
    assert all_rows(DeltaTable(tmp_path / "lake" / "messages")).sort_by("id") == first
    assert all_rows(DeltaTable(tmp_path / "lake" / "messages_rejects")).num_rows == 1
