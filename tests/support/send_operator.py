"""What the tests of campaigns share: an operator, its recipients, and the context of its run."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from airflow_provider_hvsms.operators.campaigns import HvsmsSendBatchOperator
from airflow_provider_hvsms.sandbox import Sandbox

SENDER = "+16505550100"
TEXT = "The store opens at nine."


def numbers(count: int, start: int = 0) -> list[str]:
    """Different recipients, as the scan for leaks knows them."""
    return [f"+1{201 + number // 100}55501{number % 100:02}" for number in range(start, start + count)]


def send_operator(**arguments: Any) -> HvsmsSendBatchOperator:
    """An operator that sends one text to two recipients, with a ledger in the connection `warehouse`."""
    given: dict[str, Any] = {"from_number": SENDER, "text": TEXT, "ledger_conn_id": "warehouse"}
    if not {"recipients", "sql", "path"} & arguments.keys():
        given["recipients"] = numbers(2)
    return HvsmsSendBatchOperator(task_id="send", **{**given, **arguments})


def run_of(run_id: str = "monday", *, map_index: int = -1, conf: dict[str, Any] | None = None) -> Any:
    """The context of a task's run, as far as the operator looks at it."""
    task = SimpleNamespace(dag_id="campaign", run_id=run_id, task_id="send", map_index=map_index, try_number=1)
    return {"ti": task, "dag_run": SimpleNamespace(conf=conf), "params": {}}


def sent(sandbox: Sandbox, text: str | None = TEXT) -> Counter[tuple[str, str]]:
    """How often the account's messages from the sender have which recipient and text.

    :param text: only messages with this text; `None`: all that the sandbox has not made itself.
    """
    found: Counter[tuple[str, str]] = Counter()
    for message in sandbox.store.messages:
        if message.text == text or (text is None and "store opens" in message.text):
            found.update((number, message.text) for number in message.to_numbers)
    return found
