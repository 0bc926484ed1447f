"""Each batch of the month is loaded by a mapped task of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.conftest import Warehouse
from tests.dags.conftest import RunExample

END = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store whose last three days are the end of January."""
    with Sandbox(Settings(messages=300, days=3, end=END, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


def test_the_messages_of_each_batch_of_last_month_are_loaded(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], warehouse: Warehouse, run_example: RunExample
) -> None:
    assert run_example("hvsms_monthly_batches", END) == "success"
    batches = sandbox.store.batches
    assert sorted(warehouse.query("SELECT id FROM hvsms_batches")) == sorted((batch.id,) for batch in batches)
    found = warehouse.query("SELECT batch_id, count(*) FROM hvsms_batch_messages GROUP BY batch_id")
    expected = {batch.id: len(sandbox.store.messages_of(batch)) for batch in batches}
    assert dict(found) == {batch_id: count for batch_id, count in expected.items() if count}
