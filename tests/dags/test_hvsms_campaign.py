"""The DAG that users copy sends each recipient one message, and says what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample, dag_of, latest_result, states_of_latest_run

DAG_ID = "hvsms_campaign"
NAMES = ["Ada", "Ben", "Cleo"]
TOLL_FREE = "+18005550100"
"""The sandbox rejects it."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store in which batches complete within a second."""
    settings = Settings(messages=300, days=3, opt_outs=0, sending_time=0.5, light=10_000, auth=1_000)
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HVSMS_SENDER", "+16505550100")
    monkeypatch.setenv("AIRFLOW_VAR_HVSMS_REPORTS", (tmp_path / "reports").as_uri())


def add_members(warehouse: Warehouse, day: datetime, numbers: list[str]) -> None:
    """Fill the table of recipients with those of a day and the one before it."""
    warehouse.run("CREATE TABLE campaign_members (send_on VARCHAR(10), phone VARCHAR(20), first_name VARCHAR(20))")
    for place, number in enumerate(numbers):
        name = NAMES[place % len(NAMES)]
        warehouse.run(f"INSERT INTO campaign_members VALUES ('{day:%Y-%m-%d}', '{number}', '{name}')")
    warehouse.run("INSERT INTO campaign_members VALUES ('2026-01-01', '+12015550199', 'Dora')")


def due() -> datetime:
    """The end of the interval of a run that is started now: ten o'clock in New York, today or yesterday."""
    timetable: Any = dag_of(DAG_ID).timetable
    end: datetime = timetable.infer_manual_data_interval(run_after=pendulum.now("UTC")).end
    return end


def look_often(task: Any) -> None:
    if task.task_id == "wait_for_batch":
        task.partial_kwargs["poke_interval"] = 0.2


def numbers(count: int) -> list[str]:
    return [f"+120155501{number:02}" for number in range(count)]


def test_each_recipient_gets_one_message_that_is_loaded_checked_and_reported(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], warehouse: Warehouse, run_example: RunExample, tmp_path: Path
) -> None:
    add_members(warehouse, due(), [*numbers(5), TOLL_FREE])
    assert run_example(DAG_ID, datetime.now(UTC), {"max_failed_ratio": 1}, look_often) == "success"
    assert set(states_of_latest_run(DAG_ID).values()) == {"success"}
    assert sandbox.store.sent_counts() == {
        (number, f"Hello {NAMES[place % 3]}, our store opens at nine. Reply STOP to opt out."): 1
        for place, number in enumerate(numbers(5))
    }
    [batch_id] = latest_result("list_batches")
    assert warehouse.query("SELECT DISTINCT batch_id FROM hvsms_campaign_messages") == [(batch_id,)]
    assert warehouse.query("SELECT count(*) FROM hvsms_campaign_messages") == [(5,)]
    assert warehouse.query("SELECT to_number, error_code, batch_id FROM hvsms_rejected") == [
        (TOLL_FREE, "SMS-RC-410", batch_id)
    ]
    assert warehouse.query("SELECT part, state, batch_id FROM hvsms_campaigns") == [(1, "recorded", batch_id)]
    folder = tmp_path / "reports" / "campaigns" / due().date().isoformat()
    assert json.loads((folder / "delivery_report.json").read_bytes())["outbound"]["count"] == 5


def test_another_try_of_the_same_run_sends_nothing_more(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], warehouse: Warehouse, run_example: RunExample
) -> None:
    add_members(warehouse, due(), numbers(5))
    now = datetime.now(UTC)
    for _ in range(2):
        assert run_example(DAG_ID, now, {"max_failed_ratio": 1}, look_often, run_after=now) == "success"
    assert set(sandbox.store.sent_counts().values()) == {1}
    assert [batch["how"] for batch in latest_result("send")["batches"]] == ["known"]
    assert warehouse.query("SELECT count(*) FROM hvsms_campaign_messages") == [(5,)]


def test_a_lost_answer_sends_nobody_a_second_text(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], sqlite_warehouse: Warehouse, run_example: RunExample
) -> None:
    add_members(sqlite_warehouse, due(), numbers(5))
    sandbox.faults.add(Fault.lost_answer(), method="POST", path="batches")
    assert run_example(DAG_ID, datetime.now(UTC), {"max_failed_ratio": 1}, look_often) == "success"
    assert set(sandbox.store.sent_counts().values()) == {1}
    assert [batch["how"] for batch in latest_result("send")["batches"]] == ["adopted"]


@pytest.mark.parametrize("conf", [{"dry_run": True}, {}])
def test_a_run_that_sends_nothing_skips_what_follows(
    sandbox: Sandbox,
    hvsms_connection: dict[str, Any],
    sqlite_warehouse: Warehouse,
    run_example: RunExample,
    conf: dict[str, Any],
) -> None:
    add_members(sqlite_warehouse, due(), numbers(2) if conf else [])
    assert run_example(DAG_ID, datetime.now(UTC), conf=conf) == "success"
    assert sandbox.store.sent_counts() == {}
    assert latest_result("send")["to_send"] == (2 if conf else 0)
    skipped = {task_id for task_id, state in states_of_latest_run(DAG_ID).items() if state == "skipped"}
    assert skipped == {"wait_for_batch", "load_messages", "check_statuses", "report"}


def test_the_report_is_written_also_if_the_check_fails(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], sqlite_warehouse: Warehouse, run_example: RunExample
) -> None:
    add_members(sqlite_warehouse, due(), numbers(3))

    def expect_more(task: Any) -> None:
        look_often(task)
        if task.task_id == "check_statuses":
            task.partial_kwargs["min_messages"] = 4

    assert run_example(DAG_ID, datetime.now(UTC), prepare=expect_more) == "failed"
    states = states_of_latest_run(DAG_ID)
    assert (states["check_statuses"], states["report"]) == ("failed", "success")
