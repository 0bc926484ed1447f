"""The arguments of `HvsmsSendBatchOperator`: what is refused when the DAG is parsed, and what when it runs."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_hvsms.api.errors import InvalidRequest, SendingRefused
from airflow_provider_hvsms.campaigns import ledger_arguments
from airflow_provider_hvsms.campaigns.ledger_arguments import LedgerArguments
from airflow_provider_hvsms.operators.campaigns import HvsmsSendBatchOperator
from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor
from airflow_provider_hvsms.utils.hidden_arguments import reveal
from tests.campaigns.state_store import MemoryStore
from tests.support.send_operator import SENDER, numbers, run_of, send_operator


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipients": None}, "exactly one of recipients, sql.*none of them"),
        ({"recipients": ["+12015550100"], "path": "file:///r.csv"}, "recipients and path"),
        ({"sql": "SELECT 1"}, "sql and sql_conn_id belong together"),
        ({"sql_conn_id": "warehouse"}, "sql and sql_conn_id belong together"),
        ({"parameters": [1]}, "parameters"),
        ({"from_number": ""}, "from_number"),
        ({"text": "x" * 1_001}, "1,001 characters"),
        ({"text": "Hello {"}, "brace|placeholder|closed"),
        ({"max_batch_size": 0}, "max_batch_size"),
        ({"ledger_table": ""}, "ledger_table"),
        ({"lookup_time": timedelta()}, "lookup_time"),
        ({"deduplicate_for": timedelta(-1)}, "deduplicate_for"),
        ({"deduplicate_for": timedelta(1), "ledger_conn_id": None}, "deduplicate_for needs ledger_conn_id"),
        ({"personal_data": "hide"}, "personal_data"),
        ({"on_invalid": "skip"}, "on_invalid"),
        ({"dry_run": "perhaps"}, "dry_run"),
        ({"poke_interval": 0}, "poke_interval"),
        ({"completion_timeout": timedelta()}, "completion_timeout"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_the_dag_is_parsed(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        send_operator(**arguments)


@pytest.mark.skipif(AIRFLOW_V_3_3_PLUS, reason="Airflow itself can keep the ledger")
def test_an_operator_without_a_ledger_cannot_be_constructed() -> None:
    with pytest.raises(InvalidRequest, match="ledger_conn_id is missing.*second time"):
        send_operator(ledger_conn_id=None)
    assert send_operator(ledger_conn_id=None, dry_run=True)


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="the ledger in the state of a task needs Airflow 3.3")
def test_airflow_keeps_the_ledger_where_none_is_named() -> None:
    assert send_operator(ledger_conn_id=None)


def test_a_state_that_airflow_empties_after_success_is_no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "True")
    with pytest.raises(InvalidRequest, match="clear_on_success is on.*second time"):
        send_operator(ledger_conn_id=None)
    assert send_operator(ledger_conn_id="warehouse")


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="the ledger in the state of a task needs Airflow 3.3")
@pytest.mark.parametrize(("keeps_state", "is_refused"), [((3, 3, 0), True), ((99, 0, 0), False)])
def test_a_cleared_task_whose_state_airflow_may_discard_is_refused_on_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, keeps_state: tuple[int, int, int], is_refused: bool
) -> None:
    monkeypatch.setattr(ledger_arguments, "KEEPS_STATE", keeps_state)
    cleared = {"task_state_store": MemoryStore(), "ti": SimpleNamespace(try_number=2)}
    with pytest.raises(SendingRefused, match="empty at try 2") if is_refused else nullcontext():
        LedgerArguments().open(cleared)


@pytest.mark.parametrize("rendered", [None, "", "None"])
def test_recipients_that_rendered_to_nothing_fail_at_once(sandbox: Sandbox, context: Any, rendered: Any) -> None:
    operator = send_operator(recipients="{{ params.people }}", dry_run=True)
    operator.recipients = rendered
    with pytest.raises(AirflowFailException, match="rendered to nothing|gave nothing"):
        operator.execute(run_of())


def test_a_text_that_rendered_to_nothing_fails_at_once(sandbox: Sandbox, context: Any) -> None:
    operator = send_operator(text="{{ params.text }}", dry_run=True)
    operator.text = "None"
    with pytest.raises(AirflowFailException, match="text is 'None'"):
        operator.execute(run_of())


def test_recipients_and_text_are_templates() -> None:
    operator = send_operator(recipients=["{{ params.to }}"], text="Hello {{ params.name }}")
    context: Any = {**run_of(), "task": operator, "params": {"to": SENDER, "name": "Ada"}}
    operator.render_template_fields(context)
    assert (reveal(operator.recipients), reveal(operator.text)) == ([SENDER], "Hello Ada")
    assert [str(operator.recipients), str(operator.text)] == ["<1 recipients>", "<text>"]


def test_a_mapped_task_with_mistaken_arguments_is_left_to_execute() -> None:
    with DAG("d", schedule=None):
        mapped = HvsmsSendBatchOperator.partial(task_id="send", from_number=SENDER, ledger_conn_id="warehouse").expand(
            recipients=[["+12015550100"], None]
        )
    assert mapped.task_id == "send"


def test_the_tasks_that_give_arguments_come_first() -> None:
    with DAG("d", schedule=None):
        before = BaseOperator(task_id="before")
        send = send_operator(recipients=before.output, dry_run=before.output, text=None)
        wait = HvsmsBatchSensor(task_id="wait", batch_id=send.output["batch_ids"])
    assert send.upstream_task_ids == {"before"}
    assert wait.upstream_task_ids == {"send"}


def test_a_dry_run_counts_and_sends_nothing(sandbox: Sandbox, context: Any) -> None:
    operator = send_operator(recipients=[*numbers(3), numbers(1)[0]], dry_run="True", max_batch_size=2)
    result = operator.execute(run_of())
    assert {name: result[name] for name in ("recipients", "to_send", "sent", "duplicates", "segments", "dry_run")} == {
        "recipients": 3, "to_send": 3, "sent": 0, "duplicates": 1, "segments": 3, "dry_run": True,
    }  # fmt: skip
    assert "POST" not in str(sandbox.counters.snapshot())
