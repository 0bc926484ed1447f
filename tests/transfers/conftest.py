"""Operators run with the context of one daily interval of the sandbox's history."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.sandbox.records import Message

DAY = timedelta(days=1)


def last_day(sandbox: Sandbox) -> tuple[datetime, datetime]:
    end = sandbox.settings.end
    assert end is not None
    return end - DAY, end


def stored_between(sandbox: Sandbox, start: datetime, end: datetime) -> list[Message]:
    return [message for message in sandbox.store.messages if start <= message.creation_time < end]


@pytest.fixture
def context(sandbox: Sandbox, hvsms_connection: dict[str, Any]) -> Any:
    """What Airflow gives a task of the last day's run, as far as the operators look at it."""
    start, end = last_day(sandbox)
    return {"data_interval_start": start, "data_interval_end": end}


@pytest.fixture
def task_log(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was logged so far: Airflow 2 uses `logging`, Airflow 3 writes by way of `structlog`."""
    caplog.set_level(logging.INFO)
    return lambda: caplog.text + capsys.readouterr().out
