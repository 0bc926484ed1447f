"""Fixtures that observe and speed up triggers."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_hvsms.api.transport import TimeLimits
from tests.support.waiting import wait_for


@pytest.fixture
def _no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are sent once, so that triggers observe an outage at once."""
    monkeypatch.setattr("airflow_provider_hvsms.hooks.hvsms.TimeLimits", functools.partial(TimeLimits, tries=1))


@pytest.fixture(autouse=True)
def _all_threads_end(hvsms_connection: dict[str, Any]) -> Iterator[None]:
    yield
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("hvsms-batch")])
