"""A load that is killed leaves the table as it was before or after, never between."""

from __future__ import annotations

import random
import time

from airflow.providers.common.compat.sdk import ObjectStoragePath

from tests.sinks.delta.processes import Loading
from tests.sinks.delta.tables import contents, load, table
from tests.sinks.files.sample_rows import rows

KILLS = 20
LOADS = 30
"""More than a process can finish before it is killed."""


def test_twenty_kills_at_random_moments_leave_no_partial_load(any_folder: ObjectStoragePath) -> None:
    load(any_folder, rows(300))
    moments = random.Random(10)
    kinds = set()
    for number in range(KILLS):
        before = table(any_folder).version()
        loading = Loading(any_folder, first=0, count=300, status=f"Kill{number}", loads=LOADS)
        loading.wait_until_staged()
        loading.merge()
        time.sleep(moments.uniform(0, 0.2))
        loading.kill()
        states = contents(any_folder, "id", "message_status")
        assert len(states) == 300
        assert len({status for _, status in states}) == 1
        kinds.add(table(any_folder).version() > before)
    assert load(any_folder, rows(310)).inserted == 10
    assert kinds == {True, False}, "all kills were before or after the commit"
