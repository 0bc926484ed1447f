"""What Airflow makes of tasks that fail: which of them it tries again, and what their logs show."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from tests.api.canned_server import login_only_server

DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an Airflow in which the DAG `tasks` ran once, at log level DEBUG; `log` is what it wrote."""
    home = tmp_path_factory.mktemp("airflow")
    with (
        Sandbox(Settings(messages=1)) as dropping,
        Sandbox(Settings(messages=1)) as answering,
        login_only_server() as refusing,
    ):
        dropping.faults.add(Fault.drop(), times=None, path="/statuses")
        connections = {
            "hvsms_default": answering.airflow_connection,
            "answered": answering.airflow_connection,
            "dropped": dropping.airflow_connection,
            "refused": {**answering.airflow_connection, "host": refusing},
            "warehouse": {"conn_type": "sqlite", "host": str(home / "warehouse.sqlite")},
        }
        environment = {
            **os.environ,
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        }
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, env=environment)
        with (home / "log").open("w") as log:
            subprocess.run([sys.executable, DAGS / "tasks.py"], check=True, env=environment, stdout=log, stderr=log)
        opt_outs = {one.to_number: one.status for one in answering.store.opt_outs}
        (home / "opt_outs").write_text(json.dumps(opt_outs))
    return home


def tries(home: Path, task_id: str) -> list[tuple[Any, ...]]:
    """The state of each task of that name, and how often it was tried."""
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        query = "SELECT state, try_number FROM task_instance WHERE task_id = ? ORDER BY map_index"
        return database.execute(query, [task_id]).fetchall()


def log_of(home: Path) -> str:
    files = [home / "log", *sorted((home / "logs").rglob("*.log"))]
    return "".join(file.read_text() for file in files)


def test_a_mapped_task_with_an_empty_batch_id_fails_at_once(ran: Path) -> None:
    assert tries(ran, "statuses") == [("failed", 1), ("success", 1)]
    assert tries(ran, "sensor") == [("failed", 1)] * 3


def test_a_mapped_task_with_a_choice_that_is_none_fails_at_once(ran: Path) -> None:
    assert tries(ran, "load") == [("success", 1), ("failed", 1)]


def test_a_check_that_fails_is_repeated_because_statuses_settle(ran: Path) -> None:
    assert tries(ran, "too_few") == [("failed", 2)]
    assert re.search(r"Of \d+ messages? .*fewer than the 100 expected", log_of(ran))


def test_a_mapped_check_with_a_limit_that_is_none_fails_at_once(ran: Path) -> None:
    assert tries(ran, "check") == [("failed", 1), ("failed", 1), ("success", 1)]


@pytest.mark.parametrize("task_id", ["no_connection", "no_database", "no_storage"])
def test_a_connection_that_is_not_found_is_looked_up_again(ran: Path, task_id: str) -> None:
    assert tries(ran, task_id) == [("failed", 2)]


def test_a_connection_that_is_not_found_is_named_with_both_reasons(ran: Path) -> None:
    assert re.search(r"did not find the connection 'nowhere'.*create it.*did not answer", log_of(ran))


def test_no_log_of_a_task_holds_a_phone_number_that_it_asked_for(ran: Path) -> None:
    # That one line is Airflow's, of a DAG's test run only: it says what it is going to mask.
    log = "".join(line for line in log_of(ran).splitlines() if "msg=MaskSecret(" not in line)
    assert [state for name in ("refused", "dropped", "answered") for state, _ in tries(ran, name)] == [
        "failed", "failed", "success",
    ]  # fmt: skip
    assert "ServiceUnavailable" in log
    assert re.search(r"GET /restapi/v1\.0/account/~/a2p-sms/statuses .*Connection refused", log)
    assert "6505550177" not in log


def test_what_is_logged_of_requests_at_level_debug_has_no_query(ran: Path) -> None:
    assert re.search(r'"GET /restapi/v1\.0/account/~/a2p-sms/statuses HTTP', log_of(ran).replace("\\", ""))


def test_a_day_is_one_of_the_dags_time_zone(ran: Path) -> None:
    assert tries(ran, "a_day_of_25_hours") == [("success", 1)]
    assert "created in [2025-10-25T22:00:00.000Z, 2025-10-26T23:00:00.000Z)" in log_of(ran)


def test_opt_outs_are_set_from_rendered_lists(ran: Path) -> None:
    assert tries(ran, "opt_out") == [("success", 1)]
    found = json.loads((ran / "opt_outs").read_text())
    numbers = [f"+1415555700{digit}" for digit in range(1, 5)]
    assert [found.get(number) for number in numbers] == ["OptOut", "OptOut", "OptIn", "OptOut"]


def test_mapped_opt_outs_that_are_none_fail_at_once(ran: Path) -> None:
    assert tries(ran, "opt_out_mapped") == [("success", 1), ("failed", 1), ("success", 1)]


def test_airflow_keeps_no_number_of_opt_outs(ran: Path) -> None:
    with closing(sqlite3.connect(ran / "airflow.db")) as database:
        query = "SELECT rendered_fields FROM rendered_task_instance_fields WHERE task_id = 'opt_out'"
        [[rendered]] = database.execute(query).fetchall()
        kept = "\n".join(database.iterdump())
    assert "opt-outs>" in rendered
    assert not [number for number in ("5557001", "5557002", "5557003") if number in kept + log_of(ran)]
