"""Snowflake copies what the lake holds from an external stage, and a merge keeps the newest state.

fakesnow stands in for Snowflake. It does not reach into S3: the objects that a stage's prefix stands for are given to
it as local files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import fakesnow
import fakesnow.copy_into
import pytest
import snowflake.connector

from airflow_provider_hvsms.sandbox import Sandbox
from tests.dags.conftest import RunExample
from tests.dags.hashed_run import RunHashed
from tests.emulators.loaders.lake import BUCKET, Lake
from tests.support.history import last_day, stored_between

NAMES = {"database": "WAREHOUSE", "schema": "SMS"}


def query(sql: str) -> list[tuple[Any, ...]]:
    with closing(snowflake.connector.connect(**NAMES)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


@pytest.fixture
def stage(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def download(source: str, *_: Any) -> list[str]:
        paths = []
        for key in lake.keys(source.removeprefix(f"s3://{BUCKET}/")):
            paths.append(tmp_path / key.replace("/", "_"))
            paths[-1].write_bytes(lake.content(key))
        return [str(path) for path in paths]

    monkeypatch.setattr(fakesnow.copy_into, "_source_glob", download)
    fields = {"conn_type": "snowflake", "login": "loader", "password": "secret", "schema": NAMES["schema"]}
    extra = {"account": "emulator", "database": NAMES["database"]}
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT", json.dumps({**fields, "extra": extra}))
    with fakesnow.patch():
        query(f"CREATE STAGE hvsms_stage URL = 's3://{BUCKET}/hvsms/'")
        yield


def test_each_run_of_a_day_gives_the_same_table_and_a_newer_state_stays(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], run_example: RunExample, stage: None
) -> None:
    start, end = last_day(sandbox)
    sandbox.store.add_raw_message({"id": 7}, created=end - timedelta(hours=1))  # becomes a file of rejects
    expected = {str(message.id): message.text for message in stored_between(sandbox, start, end)}
    for _ in range(2):
        assert run_example("hvsms_snowflake_stage", end) == "success"
        assert sorted(query("SELECT id, text FROM hvsms_messages")) == sorted(expected.items())

    newer = next(iter(expected))
    query(f"UPDATE hvsms_messages SET text = 'newer', last_modified_time = '2999-01-01' WHERE id = '{newer}'")
    assert run_example("hvsms_snowflake_stage", end) == "success"
    assert query("SELECT id FROM hvsms_messages WHERE text = 'newer'") == [(newer,)]


def test_a_run_with_hashes_leaves_no_number_text_or_secret_behind(
    run_hashed: RunHashed, lake: Lake, stage: None, tmp_path: Path
) -> None:
    scan, left = run_hashed("hvsms_snowflake_stage", "write_messages")
    rows = query("SELECT * FROM hvsms_messages")
    assert rows
    assert scan.found_in(f"{rows} {left}") == set()
    lake.download(tmp_path)
    assert list(tmp_path.rglob("_rejects.jsonl"))
    assert scan.leaks_in(tmp_path) == []
