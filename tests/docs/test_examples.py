"""The documentation's small examples do what the text around them says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.operators.hvsms import HvsmsGetStatusesOperator
from airflow_provider_hvsms.sandbox import Sandbox
from tests.docs.examples.branch_on_errors import what_follows
from tests.docs.examples.read_with_client import count_replies
from tests.docs.examples.read_with_hook import print_replies
from tests.support.history import last_day, stored_between

EXAMPLES = Path(__file__).parent / "examples"
AIRFLOW_2 = int(version("apache-airflow").split(".")[0]) < 3

RunScript = Callable[..., str]


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Airflow home for the command line, with the example DAGs in its database."""
    home = tmp_path_factory.mktemp("airflow")
    _airflow(home, "db", "migrate")
    return home


@pytest.fixture
def run_script(airflow_home: Path) -> RunScript:
    """Runs a script with `airflow` and `python` of this environment, and returns what it prints."""

    def run(name: str, *arguments: str) -> str:
        command = (EXAMPLES / name).read_text().strip()
        return _run(airflow_home, "bash", "-ec", " ".join([command, *arguments]))

    return run


def _airflow(home: Path, *arguments: str) -> str:
    return _run(home, sys.executable, "-m", "airflow", *arguments)


def _run(home: Path, *command: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        env={**os.environ, "AIRFLOW_HOME": str(home), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_replies_are_printed(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    start, end = last_day(sandbox)
    print_replies(start, end)
    inbound = [message for message in stored_between(sandbox, start, end) if message.direction == "Inbound"]
    assert {str(message.id) for message in inbound} <= set(capsys.readouterr().out.split())


def test_replies_are_counted_without_airflow(sandbox: Sandbox) -> None:
    settings = sandbox.settings
    for number in range(3):
        sandbox.store.add_message(
            created=datetime.now(UTC) - timedelta(hours=30 + number),
            from_number=f"+1415555{number:04}",
            to_number="+16505550100",
            direction="Inbound",
        )
    assert count_replies(sandbox.url, settings.client_id, settings.client_secret, settings.jwt) >= 3


@pytest.mark.parametrize(
    ("code", "task_id"),
    [
        (None, "report"),
        ("SMS-UP-413", "remove_numbers"),
        ("SMS-CAR-430", "review_text"),
        ("SMS-UP-500", "report"),
        ("SMS-CAR-777", "report"),
    ],
)
def test_a_branch_follows_the_kind_of_the_leading_error(
    sandbox: Sandbox, context: Any, code: str | None, task_id: str
) -> None:
    created = context["data_interval_end"] + timedelta(hours=1)
    for number in range(3):
        sandbox.store.add_message(
            created=created, final_status="DeliveryFailed" if code and number else "Delivered", error_code=code
        )
    hour = {"date_from": created - timedelta(minutes=1), "date_to": created + timedelta(minutes=1)}
    statuses = HvsmsGetStatusesOperator(task_id="statuses", direction="Outbound", **hour).execute(context)
    assert what_follows(statuses) == task_id


@pytest.mark.parametrize(
    "name", ["add_connection.sh", "add_connection_shared_session.sh", "add_connection_hash_key.sh"]
)
def test_a_connection_is_added(run_script: RunScript, airflow_home: Path, name: str) -> None:
    run_script(name)
    listed = json.loads(_airflow(airflow_home, "connections", "get", "hvsms_default", "-o", "json"))
    _airflow(airflow_home, "connections", "delete", "hvsms_default")
    assert (listed[0]["conn_type"], listed[0]["login"]) == ("hvsms", "<client id>")


@pytest.mark.parametrize(("name", "slots"), [("set_pool.sh", "4"), ("set_pool_for_workers.sh", "6")])
def test_a_pool_is_set(run_script: RunScript, airflow_home: Path, name: str, slots: str) -> None:
    run_script(name)
    listed = json.loads(_airflow(airflow_home, "pools", "get", "hvsms", "-o", "json"))
    assert str(listed[0]["slots"]) == slots


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 2 has another command: airflow dags backfill")
@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("backfill_daily.sh", "2026-01-01", "2026-01-31"), ("backfill_days.sh", "2025-01-01", "2025-03-01")],
)
def test_a_backfill_is_accepted(run_script: RunScript, airflow_home: Path, name: str, first: str, last: str) -> None:
    _airflow(airflow_home, "dags", "reserialize")
    planned = set(re.findall(r"202\d-\d\d-\d\d", run_script(name, "--dry-run")))
    days = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).days + 1
    assert {first, last} <= planned
    assert len(planned) >= days


def test_openlineage_sends_its_events_where_the_setting_says(run_script: RunScript) -> None:
    shown = run_script("turn_on_openlineage.sh", "; airflow config get-value openlineage transport")
    assert json.loads(shown.splitlines()[-1])["url"] == "https://lineage.example.org"


def test_the_sandbox_serves_until_it_is_stopped(airflow_home: Path) -> None:
    command = (EXAMPLES / "serve_sandbox.sh").read_text().replace("8080", "0").split()
    server = subprocess.Popen([sys.executable, *command[1:]], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert "listens on http://127.0.0.1:" in server.stdout.readline()
    finally:
        server.terminate()
        server.communicate()
    assert server.returncode == 0


def test_every_example_is_run() -> None:
    this = Path(__file__).read_text()
    for path in EXAMPLES.iterdir():
        if path.suffix in (".py", ".sh") and path.stem != "__init__":
            assert path.stem in this, path
    assert shutil.which("bash")
