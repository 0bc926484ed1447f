"""Delta tables in Azure Blob Storage. The emulator of Google Cloud Storage lacks the conditional put of deltalake."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

MISSING = "EMULATOR=objectstores scripts/setup installs adlfs and deltalake"
pytest.importorskip("adlfs", reason=MISSING)
pytest.importorskip("deltalake", reason=MISSING)

from airflow_provider_hvsms.sinks.delta.sink import open_delta  # noqa: E402 - skipped before
from airflow_provider_hvsms.sinks.schema import MESSAGES, Changes  # noqa: E402
from tests.sinks.delta.racing import loads_at_the_first_commit  # noqa: E402
from tests.sinks.delta.tables import contents, load  # noqa: E402
from tests.sinks.files.sample_rows import NOON, row, rows  # noqa: E402


@pytest.fixture
def folder(azure: str) -> ObjectStoragePath:
    return ObjectStoragePath(f"abfs://azure@lake/{os.urandom(4).hex()}/messages")


def test_a_load_is_merged(folder: ObjectStoragePath) -> None:
    assert load(folder, rows(5)) == Changes(inserted=5, updated=0, unchanged=0)
    newer = row(1, message_status="Delivered", last_modified_time=NOON + timedelta(days=2))
    assert load(folder, [newer, row(2), row(7)]) == Changes(inserted=1, updated=1, unchanged=1)
    assert contents(folder, "id", "message_status")[:2] == [("0", "Sent"), ("1", "Delivered")]
    assert len(contents(folder, "id")) == 6


@pytest.mark.parametrize("existing", [0, 3], ids=["first load", "existing rows"])
def test_a_load_that_was_overtaken_merges_into_the_new_state(folder: ObjectStoragePath, existing: int) -> None:
    if existing:
        load(folder, rows(existing))
    with open_delta(folder, MESSAGES) as sink:
        sink.add([*rows(5), row(8)], [])
        with loads_at_the_first_commit(lambda: load(folder, rows(6))):
            changes = sink.finish({})
    assert changes == Changes(inserted=1, updated=0, unchanged=5)
    assert [number for (number,) in contents(folder, "id")] == ["0", "1", "2", "3", "4", "5", "8"]
