"""Small answers, in a form that other tasks can use."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.operators.hvsms import HvsmsGetStatusesOperator, HvsmsListBatchesOperator
from airflow_provider_hvsms.sandbox import Sandbox
from tests.support.history import DAY, last_day, stored_between


def get_statuses(**arguments: Any) -> HvsmsGetStatusesOperator:
    return HvsmsGetStatusesOperator(task_id="statuses", **arguments)


def list_batches(**arguments: Any) -> HvsmsListBatchesOperator:
    return HvsmsListBatchesOperator(task_id="batches", **arguments)


def test_statuses_of_the_interval_come_with_ratios(sandbox: Sandbox, context: Any) -> None:
    messages = stored_between(sandbox, *last_day(sandbox))
    result = get_statuses().execute(context)
    delivered = sum(message.final_status == "Delivered" for message in messages)
    failed = sum(message.final_status.endswith("Failed") for message in messages)
    assert result["total"] == len(messages)
    assert result["delivered"]["count"] == delivered
    assert result["delivered_ratio"] == delivered / len(messages)
    assert result["failed_ratio"] == failed / len(messages)
    assert json.loads(json.dumps(result)) == result


def test_statuses_come_with_their_error_codes_in_words(
    sandbox: Sandbox, context: Any, task_log: Callable[[], str]
) -> None:
    messages = stored_between(sandbox, *last_day(sandbox))
    stored = Counter(message.error_code for message in messages if message.error_code)
    errors = get_statuses().execute(context)["errors"]
    assert {error["code"]: error["count"] for error in errors} == stored
    counts = [error["count"] for error in errors]
    assert counts == sorted(counts, reverse=True)
    assert all(error["meaning"] and error["remedy"] and error["kind"] != "other" for error in errors)
    leading = errors[0]
    assert f"failed: {leading['count']} {leading['code']} {leading['meaning']} (" in task_log()


def test_statuses_of_a_batch_alone_cover_all_of_it(sandbox: Sandbox, context: Any) -> None:
    """Without dates the service would take the last 24 hours; this batch is older."""
    batch = sandbox.store.batches[0]
    result = get_statuses(batch_id=batch.id).execute(context)
    assert result["total"] == len(sandbox.store.messages_of(batch)) > 0


def test_statuses_of_nothing_have_ratios_of_zero(sandbox: Sandbox, context: Any) -> None:
    result = get_statuses(batch_id="unknown", window=DAY).execute(context)
    assert (result["total"], result["delivered_ratio"], result["failed_ratio"]) == (0, 0.0, 0.0)


def test_batches_of_the_interval_are_listed_without_phone_numbers(sandbox: Sandbox, context: Any) -> None:
    start, end = last_day(sandbox)
    expected = [batch for batch in sandbox.store.batches if start <= batch.creation_time < end]
    result = list_batches().execute(context)
    assert sorted(batch["id"] for batch in result) == sorted(batch.id for batch in expected)
    assert set(result[0]) == {
        "id", "status", "batch_size", "processed_count", "rejected_count", "cost", "creation_time",
    }  # fmt: skip
    assert not [batch for batch in expected if batch.from_number in json.dumps(result)]


def test_batches_can_be_filtered(sandbox: Sandbox, context: Any) -> None:
    assert list_batches(statuses="Queued, Processing").execute(context) == []
    sender = sandbox.store.batches[-1].from_number
    start, end = last_day(sandbox)
    expected = [b.id for b in sandbox.store.batches if start <= b.creation_time < end and b.from_number == sender]
    found = list_batches(from_number=sender, statuses=["Completed"]).execute(context)
    assert sorted(batch["id"] for batch in found) == sorted(expected)


def test_an_unknown_batch_fails_at_once_and_is_named(sandbox: Sandbox, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="/batches/no-such-batch.*404"):
        get_statuses(batch_id="no-such-batch").execute(context)


@pytest.mark.parametrize("rendered", ["", "None", None])
def test_a_batch_id_that_renders_to_nothing_fails_and_says_so(
    sandbox: Sandbox, context: Any, rendered: str | None
) -> None:
    task = get_statuses(batch_id="{{ ti.xcom_pull('send') }}")
    task.batch_id = rendered
    with pytest.raises(AirflowFailException, match="batch_id is .*rendered to nothing"):
        task.execute(context)
    assert sandbox.counters.reads == 0


@pytest.mark.parametrize("value", ["", "None", None])
def test_a_batch_id_that_is_nothing_is_refused_when_the_dag_is_parsed(value: str | None) -> None:
    with pytest.raises(InvalidRequest, match="batch_id"):
        get_statuses(batch_id=value)


def test_an_empty_interval_fails_at_once(sandbox: Sandbox, context: Any) -> None:
    context["data_interval_start"] = context["data_interval_end"]
    for task in (get_statuses(), list_batches()):
        with pytest.raises(AirflowFailException, match="data interval is empty"):
            task.execute(context)
    assert sandbox.counters.reads == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"), [({"statuses": ["Done"]}, "statuses"), ({"from_number": ""}, "from_number")]
)
def test_a_filter_that_cannot_be_meant_is_refused_when_the_dag_is_parsed(
    arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        list_batches(**arguments)


def test_a_batch_may_be_given_as_the_list_of_batches_returns_it(sandbox: Sandbox, context: Any) -> None:
    [batch, *_] = list_batches().execute(context)
    assert (
        get_statuses(batch_id=batch).execute(context)["total"]
        == get_statuses(batch_id=batch["id"]).execute(context)["total"]
    )


@pytest.mark.parametrize("rendered", ["[{'id': 'b'}]", "{'id': 'b'}", {"status": "Completed"}])
def test_a_batch_id_that_is_the_text_of_a_summary_is_refused_in_words(
    sandbox: Sandbox, context: Any, rendered: Any
) -> None:
    task = get_statuses(batch_id="{{ ti.xcom_pull('batches') }}")
    task.batch_id = rendered
    with pytest.raises(AirflowFailException, match=r"batch_id is .*(\.expand|is not an id)"):
        task.execute(context)


@pytest.mark.parametrize("several", [["one"], [{"id": "one"}, {"id": "other"}], ("one", "other")])
def test_a_list_of_batches_where_one_is_meant_says_to_map_over_it(sandbox: Sandbox, context: Any, several: Any) -> None:
    task = get_statuses(batch_id="{{ ti.xcom_pull('batches') }}")
    task.batch_id = several
    with pytest.raises(AirflowFailException, match=r"batch_id is a list .*\.expand") as error:
        task.execute(context)
    assert "rendered to nothing" not in str(error.value)


@pytest.mark.parametrize("arguments", [{"phone_numbers": 16505550100}, {"phone_numbers": 1.5}])
def test_a_phone_number_that_is_no_text_is_refused_in_words(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="phone_numbers must be a list of strings"):
        get_statuses(**arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [({"from_number": 16505550100}, "from_number is not a phone number"), ({"statuses": 5}, "statuses is 5; .*a list")],
)
def test_a_filter_of_batches_that_is_no_text_is_refused_in_words(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        list_batches(**arguments)


@pytest.mark.parametrize("empty", ["", None])
def test_a_mapped_task_without_a_batch_id_fails_at_once(
    sandbox: Sandbox, context: Any, airflow_database: None, empty: Any
) -> None:
    with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        mapped = HvsmsGetStatusesOperator.partial(task_id="statuses").expand(batch_id=[empty])
    task = mapped.unmap({"batch_id": empty})
    with pytest.raises(AirflowFailException, match="batch_id is .*rendered to nothing"):
        task.execute(context)
