"""The tables of the example hold hashes, by which they can be joined, and neither numbers nor texts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample
from tests.support.history import last_day
from tests.support.leaks import Scan


def test_the_tables_can_be_joined_and_hold_no_number(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], sqlite_warehouse: Warehouse, run_example: RunExample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    extra = {**hvsms_connection["extra"], "hash_key": "a key that is long enough"}
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, "extra": extra}))
    assert run_example("hvsms_personal_data", last_day(sandbox)[1]) == "success"
    left = {table: sqlite_warehouse.query(f"SELECT * FROM {table}") for table in sqlite_warehouse.tables()}
    assert Scan.of(sandbox).found_in(str(left)) == set()
    opted_out = "SELECT count(*) FROM hashed_messages m JOIN hashed_opt_outs o ON o.to_number = m.to_number"
    assert sqlite_warehouse.query(opted_out)[0][0] > 0
