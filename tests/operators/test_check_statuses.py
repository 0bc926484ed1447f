"""A check of the statuses of messages, against a message store over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import CheckFailed, InvalidRequest
from airflow_provider_hvsms.operators.hvsms import HvsmsCheckStatusesOperator, HvsmsGetStatusesOperator
from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.support.history import DAY, last_day, stored_between


def check_statuses(**arguments: Any) -> HvsmsCheckStatusesOperator:
    return HvsmsCheckStatusesOperator(task_id="check", **arguments)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store of three days, on the last of which a quarter of the messages is blocked as spam."""
    settings = Settings(messages=3_000, days=3, bad_day=1, light=10_000, auth=1_000)
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture
def day_before(context: Any) -> Any:
    """The context of the run of the day before, which was a good one."""
    return {name: moment - DAY for name, moment in context.items()}


def test_a_bad_day_fails_with_its_numbers_and_the_leading_code_in_words(sandbox: Sandbox, context: Any) -> None:
    messages = stored_between(sandbox, *last_day(sandbox))
    unknown = {"SMS-CAR-104", "SMS-CAR-199"}
    failed = [one for one in messages if one.final_status.endswith("Failed") and one.error_code not in unknown]
    decided = len(failed) + sum(one.final_status == "Delivered" for one in messages)
    blocked = sum(one.error_code == "SMS-CAR-430" for one in failed)
    with pytest.raises(CheckFailed) as failure:
        check_statuses().execute(context)
    sentence = str(failure.value)
    assert sentence.startswith(f"Of {len(messages):,} messages created in [")
    assert f"{len(failed)} of the {decided} that were delivered or failed have failed (" in sentence
    assert f"allowed 5 %): {blocked} SMS-CAR-430 blocked as spam by the carrier (check the text" in sentence
    assert sentence.endswith(f"0 are pending and {len(messages) - decided} unknown.")


def test_a_good_day_passes_with_the_result_of_get_statuses_in_one_request(
    sandbox: Sandbox, day_before: Any, task_log: Callable[[], str]
) -> None:
    result = check_statuses(max_failed_ratio=0.1, min_messages=500, max_cost=100).execute(day_before)
    assert sandbox.counters.reads == 1
    assert re.search(
        r"Of [\d,]+ messages created in \[\S+, \S+\) \(at least 500 expected\), .* within 10 %\).*within \$100\.00",
        task_log(),
    )
    assert result == HvsmsGetStatusesOperator(task_id="get").execute(day_before)


def test_every_broken_limit_is_in_the_sentence(sandbox: Sandbox, context: Any) -> None:
    with pytest.raises(CheckFailed, match=r"fewer than the 1,000,000 expected.*allowed 5 %.*allowed \$0\.10"):
        check_statuses(min_messages=1_000_000, max_cost="0.10").execute(context)


def test_a_batch_is_checked_over_all_of_its_time_and_named(sandbox: Sandbox, context: Any) -> None:
    batch = sandbox.store.batches[0]
    size = len(sandbox.store.messages_of(batch))
    with pytest.raises(CheckFailed, match=rf"Of {size} messages created in \[.*\) for batch {batch.id} \(fewer"):
        check_statuses(batch_id=batch.id, min_messages=size + 1).execute(context)


def test_limits_may_come_from_templates_as_texts(sandbox: Sandbox, context: Any) -> None:
    task = check_statuses(max_failed_ratio="{{ params.ratio }}", max_cost="{{ params.cost }}")
    task.max_failed_ratio, task.max_cost = "0.9", "1000"
    assert task.execute(context)["total"] > 0
    task.max_failed_ratio = "0.01"
    with pytest.raises(CheckFailed, match="allowed 1 %"):
        task.execute(context)


@pytest.mark.parametrize("rendered", ["", "None", "5", "much"])
def test_a_limit_that_renders_to_nonsense_fails_at_once_without_a_request(
    sandbox: Sandbox, context: Any, rendered: str
) -> None:
    task = check_statuses(max_failed_ratio="{{ params.ratio }}")
    task.max_failed_ratio = rendered
    with pytest.raises(AirflowFailException, match="max_failed_ratio is .*; it must be a number from 0 to 1"):
        task.execute(context)
    assert sandbox.counters.reads == 0


@pytest.mark.parametrize(
    "arguments", [{"max_failed_ratio": 5}, {"max_cost": "$5"}, {"min_messages": 0.5}, {"max_failed_ratio": None}]
)
def test_a_mistake_in_a_limit_shows_when_the_dag_is_parsed(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(arguments))):
        check_statuses(**arguments)


@pytest.mark.parametrize("empty", ["", "None", None])
def test_an_empty_batch_id_is_never_all_batches(sandbox: Sandbox, context: Any, empty: str | None) -> None:
    task = check_statuses(batch_id="{{ ti.xcom_pull('send') }}")
    task.batch_id = empty
    with pytest.raises(AirflowFailException, match="batch_id is .*rendered to nothing"):
        task.execute(context)


def test_a_day_without_messages_fails_only_if_messages_are_expected(sandbox: Sandbox, context: Any) -> None:
    empty = {"batch_id": "unknown", "window": DAY}
    assert check_statuses(**empty, max_cost=0).execute(context)["total"] == 0
    with pytest.raises(CheckFailed, match=r"Of 0 messages .*fewer than the 1 expected\), none was delivered or"):
        check_statuses(**empty, min_messages=1).execute(context)


def test_a_service_that_gives_no_costs_cannot_pass_a_limit_of_cost(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(Settings(messages=300, days=1, legacy_statuses=True)) as older:
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(older.airflow_connection))
        assert check_statuses(max_failed_ratio=1).execute(context)["total"] == 300
        with pytest.raises(CheckFailed, match=r"the service gave no costs, so max_cost \(\$5\.00\) cannot be checked"):
            check_statuses(max_failed_ratio=1, max_cost=5).execute(context)


def test_no_phone_number_is_in_the_sentence(sandbox: Sandbox, context: Any) -> None:
    number = sandbox.store.batches[-1].from_number
    with pytest.raises(CheckFailed) as failure:
        check_statuses(phone_numbers=[number], direction="Outbound", max_failed_ratio=0).execute(context)
    assert number.lstrip("+") not in str(failure.value)
