"""The DAG that users copy loads each day's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample, latest_result


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store with a day of exactly 5,000 messages, and none before it."""
    with Sandbox(Settings(messages=5_000, days=1, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


def test_a_day_of_5000_messages_is_loaded_exactly_and_twice_with_the_same_result(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], warehouse: Warehouse, run_example: RunExample
) -> None:
    end = sandbox.settings.end
    assert end is not None
    expected = sorted(
        (str(message.id), message.direction, message.from_number, message.final_status, message.batch_id)
        for message in sandbox.store.messages
    )
    query = "SELECT id, direction, from_number, message_status, batch_id FROM hvsms_messages"
    tables = []
    for inserted, unchanged in ((5_000, 0), (0, 5_000)):
        assert run_example("hvsms_daily_messages", end) == "success"
        assert sorted(warehouse.query(query)) == expected
        tables.append(warehouse.query("SELECT * FROM hvsms_messages ORDER BY id"))
        summary = latest_result("load_messages")
        # On a busy machine the window is read in slices, which have more pages.
        assert summary.pop("requests") > summary.pop("pages") >= 5
        assert summary == {
            "rows": 5_000,
            "date_from": (end - timedelta(days=2)).isoformat(),
            "date_to": end.isoformat(),
            "reconciled": {"read": 5_000, "counted": 5_000},
            "inserted": inserted,
            "updated": 0,
            "unchanged": unchanged,
        }
    assert tables[0] == tables[1]
    assert warehouse.query("SELECT sum(count) FROM hvsms_statuses") == [(5_000,)]


def test_a_run_with_wrong_credentials_fails_without_its_retries(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    sqlite_warehouse: Warehouse,
    run_example: RunExample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, "password": "wrong"}))
    end = sandbox.settings.end
    assert end is not None
    assert run_example("hvsms_daily_messages", end - timedelta(days=3)) == "failed"
    assert sandbox.counters.failed_logins == 1
