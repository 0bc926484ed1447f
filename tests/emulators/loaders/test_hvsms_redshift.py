"""Redshift's own loader upserts what the lake holds."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample
from tests.dags.hashed_run import RunHashed
from tests.emulators.loaders.lake import Lake
from tests.emulators.loaders.redshift import cursor_class
from tests.support.history import last_day, stored_between


@pytest.fixture
def redshift(lake: Lake, postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    server = postgres_warehouse.connection

    def connect(hook: Any) -> Any:
        return psycopg2.connect(
            host=server["host"], user=server["login"], dbname=server["schema"], cursor_factory=cursor_class(lake)
        )

    monkeypatch.setattr(RedshiftSQLHook, "get_conn", connect)
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps({"conn_type": "redshift"}))
    role = {"role_arn": "arn:aws:iam::123456789012:role/redshift-reads-the-lake"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_REDSHIFT_COPY", json.dumps({"conn_type": "aws", "extra": role}))
    return postgres_warehouse


def test_each_run_of_a_day_gives_the_same_table(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], run_example: RunExample, redshift: Warehouse
) -> None:
    start, end = last_day(sandbox)
    sandbox.store.add_raw_message({"id": 7}, created=end - timedelta(hours=1))  # becomes a file of rejects
    expected = {str(message.id): message.text for message in stored_between(sandbox, start, end)}
    for _ in range(2):
        assert run_example("hvsms_redshift", end) == "success"
        rows = redshift.query("SELECT id, text FROM public.hvsms_messages")
        assert sorted(rows) == sorted(expected.items())


def test_a_run_with_hashes_leaves_no_number_text_or_secret_behind(
    run_hashed: RunHashed, lake: Lake, redshift: Warehouse, tmp_path: Path
) -> None:
    scan, left = run_hashed("hvsms_redshift", "write_messages")
    rows = redshift.query("SELECT * FROM public.hvsms_messages")
    assert rows
    assert scan.found_in(f"{rows} {left}") == set()
    lake.download(tmp_path)
    assert list(tmp_path.rglob("_rejects.jsonl"))
    assert scan.leaks_in(tmp_path) == []
