"""`HvsmsSendBatchOperator` against the sandbox: who is sent what, once, and what is returned, kept and logged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import BatchesPending, OutcomeUnknown
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from tests.conftest import Warehouse
from tests.sensors.test_hvsms import after, fire, resume
from tests.support.campaigns import SENDER, numbers, run_of, send_operator
from tests.support.leaks import Scan
from airflow.providers.common.compat.sdk import TaskDeferred

TEXT = "The store opens at nine."


def sent(sandbox: Sandbox) -> Counter[tuple[str, str]]:
    """How often each recipient was sent which text, by all batches of the campaign's sender."""
    found = (message for message in sandbox.store.messages if message.from_number == SENDER and message.text == TEXT)
    return Counter((message.to_number, message.text) for message in found)


def test_each_recipient_is_sent_the_text_once(sandbox: Sandbox, context: Any, warehouse: Warehouse) -> None:
    result = send_operator(recipients=numbers(5), max_batch_size=2).execute(run_of())
    assert sent(sandbox) == Counter((number, TEXT) for number in numbers(5))
    assert [batch["size"] for batch in result["batches"]] == [2, 2, 1]
    assert result["batch_ids"] == [batch["id"] for batch in result["batches"]]
    assert (result["to_send"], result["sent"], result["rejected"], result["dry_run"]) == (5, 5, 0, False)


def test_another_try_sends_nothing_and_returns_the_same_batches(
    sandbox: Sandbox, context: Any, warehouse: Warehouse
) -> None:
    first = send_operator(recipients=numbers(3), max_batch_size=2).execute(run_of())
    again = send_operator(recipients=numbers(3), max_batch_size=2).execute(run_of())
    assert max(sent(sandbox).values()) == 1
    assert again["batch_ids"] == first["batch_ids"]
    assert {batch["how"] for batch in again["batches"]} == {"known"}
