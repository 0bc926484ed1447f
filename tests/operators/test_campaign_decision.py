"""Where a person's decision on a batch is read, and what becomes of it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.campaigns.decision import Decision
from airflow_provider_hvsms.campaigns.ledger import EntryState, Ledger
from airflow_provider_hvsms.campaigns.resolving import decisions
from airflow_provider_hvsms.campaigns.task_state_ledger import TaskStateLedger
from airflow_provider_hvsms.operators.campaign_decision import note_decision
from tests.campaigns.state_store import MemoryStore
from tests.support.campaigns import RUN, SENDER, intended, part
from tests.support.memory_ledger import MemoryLedger
from tests.support.send_operator import run_of

NOT_CREATED = {"part": 1, "not_created": True}


def with_open_part(ledger: Any) -> Any:
    ledger.add(intended(part(), 1_700_000_000.0))
    return ledger


def note(argument: object, ledger: Ledger, conf: dict[str, Any] | None = None) -> None:
    client: Any = None  # no request is needed to note that nothing was created
    note_decision(argument, run_of(conf=conf), ledger=ledger, client=client, run=RUN, from_number=SENDER)


def state_of(ledger: Ledger) -> EntryState:
    return ledger.entries(RUN)[1].state


@pytest.mark.parametrize("argument", [NOT_CREATED, json.dumps(NOT_CREATED)])
def test_the_argument_is_noted(argument: object) -> None:
    ledger = with_open_part(MemoryLedger())
    note(argument, ledger)
    assert state_of(ledger) is EntryState.NOT_CREATED


@pytest.mark.parametrize("argument", [None, "", "None"])
def test_without_an_argument_the_configuration_of_the_run_is_noted(argument: object) -> None:
    ledger = with_open_part(MemoryLedger())
    note(argument, ledger, conf={"hvsms_resolve": NOT_CREATED})
    assert state_of(ledger) is EntryState.NOT_CREATED


@pytest.mark.parametrize("conf", [None, {}, {"other": 1}])
def test_without_a_decision_nothing_is_noted(conf: dict[str, Any] | None) -> None:
    ledger = with_open_part(MemoryLedger())
    note(None, ledger, conf=conf)
    assert state_of(ledger) is EntryState.INTENDED


def test_the_state_of_the_task_is_noted_and_removed() -> None:
    store = MemoryStore()
    ledger = with_open_part(TaskStateLedger(store, sleep=lambda _: None))
    store.set("hvsms_resolve", NOT_CREATED)
    note(None, ledger)
    assert state_of(ledger) is EntryState.NOT_CREATED
    assert store.get("hvsms_resolve") is None


def test_a_decision_on_another_run_skips_even_a_task_that_it_is_not_about() -> None:
    decision = {"run_id": "tuesday", "task_id": "other", **NOT_CREATED}
    with pytest.raises(AirflowSkipException, match="'tuesday'"):
        note(decision, with_open_part(MemoryLedger()))


def test_what_is_no_decision_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="resolve"):
        note({"part": 1}, with_open_part(MemoryLedger()))


def test_the_way_to_resolve_that_a_ledger_tells_is_accepted() -> None:
    """Also for a part of a mapped task whose request left twice."""
    run = dataclasses.replace(RUN, map_index=3)
    entry = dataclasses.replace(intended(part(), 0.0), run=run, attempts=2)
    for text in decisions(entry, with_run=True):
        decision = Decision.parse(text)
        assert decision.run_of(dataclasses.replace(run, run_id="deciding")) == run
    assert decision.attempts == 2
