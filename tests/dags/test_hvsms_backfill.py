"""A month of the year that is loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample

END = datetime(2025, 10, 1, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store whose last three days are the end of September 2025."""
    with Sandbox(Settings(messages=300, days=3, end=END, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


def test_the_messages_of_a_month_are_loaded(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], warehouse: Warehouse, run_example: RunExample
) -> None:
    assert run_example("hvsms_backfill", END) == "success"
    assert warehouse.query("SELECT count(*) FROM hvsms_messages") == [(300,)]
