"""Runs triggers in an event loop, beside a thread that changes the message store or the connection."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Fault, Sandbox
from airflow_provider_hvsms.sandbox.http.response import Response
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchCompletedEventTrigger, HvsmsBatchTrigger
from tests.support.waiting import wait_for


def trigger(*batch_ids: str, **arguments: Any) -> HvsmsBatchTrigger:
    return HvsmsBatchTrigger(batch_ids=batch_ids, **{"poll_interval": 0.05, **arguments})


async def first_event(trigger: HvsmsBatchTrigger | HvsmsBatchCompletedEventTrigger) -> Any:
    async for event in trigger.run():
        return event.payload
    raise AssertionError("The trigger ended without an event.")


def set_connection(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(connection))


def run_all(*triggers: HvsmsBatchTrigger, meanwhile: Callable[[], Any] = lambda: None) -> list[Any]:
    """The events of all triggers, run in one event loop; `meanwhile` runs in a thread."""

    async def gather() -> list[Any]:
        waiting = [asyncio.create_task(first_event(one)) for one in triggers]
        await asyncio.to_thread(meanwhile)
        return await asyncio.wait_for(asyncio.gather(*waiting), timeout=20)

    return asyncio.run(gather())


def wait_for_polls(sandbox: Sandbox, number: int) -> None:
    before = sandbox.counters.reads
    wait_for(lambda: sandbox.counters.reads >= before + number)


def delayed(released: threading.Event) -> Fault:
    """The regular response, when the event is set."""

    def spoil(make: Callable[[], Response], wait: Callable[[float], object]) -> Response:
        assert released.wait(10), "The event was not set."
        return make()

    return Fault(spoil)
