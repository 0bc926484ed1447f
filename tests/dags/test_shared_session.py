"""With `shared_session`, the tasks of a connection log in once, by way of a Variable of a real Airflow."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample

VARIABLE = "hvsms_access_token_hvsms_default"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=200, days=2, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


@pytest.fixture
def sharing_connection(hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {**hvsms_connection["extra"], "shared_session": True}
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, "extra": extra}))


def run_two_days(sandbox: Sandbox, run_example: RunExample) -> list[str]:
    end = sandbox.settings.end
    assert end is not None
    return [run_example("hvsms_daily_messages", day) for day in (end - timedelta(days=1), end)]


def variables() -> list[str]:
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")) as database:
        return [key for [key] in database.execute("SELECT key FROM variable").fetchall()]


def test_tasks_of_two_runs_log_in_once_and_leave_the_session_to_the_next(
    sandbox: Sandbox,
    sharing_connection: None,
    sqlite_warehouse: Warehouse,
    run_example: RunExample,
    task_log: Callable[[], str],
) -> None:
    assert run_two_days(sandbox, run_example) == ["success", "success"]
    assert sqlite_warehouse.query("SELECT count(*) FROM hvsms_messages") == [(200,)]
    counters = sandbox.counters
    assert (sum(counters.logins.values()), counters.revokes, counters.answers[401]) == (1, 0, 0)
    assert VARIABLE in variables()
    [session] = sandbox._application._oauth.sessions
    log = task_log()
    assert session.access_token not in log
    assert session.refresh_token not in log


def test_a_variable_that_the_environment_holds_does_no_harm(
    sandbox: Sandbox,
    sharing_connection: None,
    sqlite_warehouse: Warehouse,
    run_example: RunExample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_{VARIABLE.upper()}", "not a token")
    assert run_two_days(sandbox, run_example) == ["success", "success"]
    assert sqlite_warehouse.query("SELECT count(*) FROM hvsms_messages") == [(200,)]
    assert sum(sandbox.counters.logins.values()) == sandbox.counters.revokes


def test_what_is_not_a_task_logs_in_for_itself(sandbox: Sandbox, sharing_connection: None) -> None:
    hook = HvsmsHook()
    hook.get_message(str(sandbox.store.messages[0].id))
    hook.close()
    assert hook.test_connection() == (True, "Logged in, and read the message store.")
    assert (sum(sandbox.counters.logins.values()), sandbox.counters.revokes) == (2, 2)
