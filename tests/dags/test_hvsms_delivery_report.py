"""The DAG that users copy reports on the days that it has loaded."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample, latest_result
from tests.support.history import last_day, stored_between


def test_report_of_the_loaded_days_is_in_a_folder_of_the_day(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    warehouse: Warehouse,
    run_example: RunExample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HVSMS_REPORTS", str(tmp_path / "reports"))
    start, end = last_day(sandbox)
    loaded = stored_between(sandbox, start - timedelta(days=1), end)
    assert run_example("hvsms_delivery_report", end) == "success"
    folder = tmp_path / "reports" / start.date().isoformat()
    assert {path.name for path in folder.iterdir()} == {"delivery_report.html", "delivery_report.json"}
    numbers = json.loads((folder / "delivery_report.json").read_bytes())
    assert len(numbers["days"]) == 7
    assert numbers["outbound"]["count"] + numbers["inbound"] == len(loaded)
    result = latest_result("report")
    assert result["path"].endswith(f"/{start.date()}/delivery_report.html")
    assert result["messages"] == numbers["outbound"]["count"]
    summary = latest_result("summarise")
    assert summary.startswith(f"Of {result['messages']:,} messages 9")
    assert summary.endswith(result["path"])
