"""A day of a backfill that runs several days at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample
from tests.support.history import last_day, stored_between

END = datetime(2025, 10, 1, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store whose last three days are the end of September 2025."""
    with Sandbox(Settings(messages=300, days=3, end=END, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


def test_the_messages_of_one_day_are_loaded(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], warehouse: Warehouse, run_example: RunExample
) -> None:
    assert run_example("hvsms_backfill_days", END) == "success"
    expected = sorted((str(message.id),) for message in stored_between(sandbox, *last_day(sandbox)))
    assert sorted(warehouse.query("SELECT id FROM hvsms_messages")) == expected
