"""BigQuery's own loader copies what the lake holds, and a merge keeps the newest state."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow_provider_hvsms.sandbox import Sandbox
from tests.dags.conftest import RunExample
from tests.dags.hashed_run import RunHashed
from tests.support.history import last_day, stored_between


def test_each_run_of_a_day_gives_the_same_table_and_a_newer_state_stays(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], run_example: RunExample, warehouse: Any
) -> None:
    start, end = last_day(sandbox)
    sandbox.store.add_raw_message({"id": 7}, created=end - timedelta(hours=1))  # becomes a file of rejects
    expected = {str(message.id): message.text for message in stored_between(sandbox, start, end)}
    table = "my_dataset.hvsms_messages"
    for _ in range(2):
        assert run_example("hvsms_bigquery_gcs", end) == "success"
        rows = [tuple(row.values()) for row in warehouse.query(f"SELECT id, text FROM {table}").result()]
        assert sorted(rows) == sorted(expected.items())

    newer = next(iter(expected))
    update = f"UPDATE {table} SET text = 'newer', last_modified_time = '2999-01-01' WHERE id = '{newer}'"
    warehouse.query(update).result()
    assert run_example("hvsms_bigquery_gcs", end) == "success"
    found = warehouse.query(f"SELECT id FROM {table} WHERE text = 'newer'").result()
    assert [row["id"] for row in found] == [newer]


def test_a_run_with_hashes_leaves_no_number_text_or_secret_behind(
    run_hashed: RunHashed, warehouse: Any, tmp_path: Path
) -> None:
    scan, left = run_hashed("hvsms_bigquery_gcs", "write_messages")
    rows = [tuple(row.values()) for row in warehouse.query("SELECT * FROM my_dataset.hvsms_messages").result()]
    assert rows
    assert scan.found_in(f"{rows} {left}") == set()
    # The emulator keeps its objects as files there.
    assert list(tmp_path.rglob("_rejects.jsonl"))
    assert scan.leaks_in(tmp_path) == []
