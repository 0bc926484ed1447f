"""The data lake holds each day's messages in a folder of its own."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.dags.conftest import RunExample
from tests.support.history import last_day, stored_between


def test_a_day_of_messages_is_written_as_parquet(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    run_example: RunExample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HVSMS_LAKE", f"file://{tmp_path}/lake")
    start, end = last_day(sandbox)
    sandbox.store.add_raw_message({"id": 7}, created=end - timedelta(hours=1))
    assert run_example("hvsms_data_lake", end) == "success"
    folder = tmp_path / "lake" / "messages" / f"day={start:%Y-%m-%d}"
    expected = stored_between(sandbox, start, end)
    table = pyarrow.parquet.read_table(folder)
    assert dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)) == {
        str(message.id): message.text for message in expected
    }
    summary = json.loads((folder / "_SUCCESS").read_text())
    assert (summary["rows"], summary["rejected"]) == (len(expected), 1)
    assert len((folder / "_rejects.jsonl").read_text().splitlines()) == 1
