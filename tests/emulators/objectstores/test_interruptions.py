"""Loads into GCS and Azure that are killed at any moment."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import time
from collections import Counter
from multiprocessing.synchronize import Event

from airflow.providers.common.compat.sdk import ObjectStoragePath

from tests.sinks.files.folders import all_files, ids, load, parse_jsonl, temporary_names
from tests.sinks.files.sample_rows import rows

KILLS = 20


def load_until_killed(path: str, environment: dict[str, str], started: Event) -> None:
    """Load 5 or 25 rows, again and again."""
    os.environ.update(environment)
    for count in itertools.cycle((25, 5)):
        load(ObjectStoragePath(path), rows(count), rows_per_part=10)
        started.set()


def visible_loads(folder: ObjectStoragePath) -> dict[str, int]:
    """The number of rows of each load, while one replaces the other."""
    rows: Counter[str] = Counter()
    for name, file in all_files(folder).items():
        if name.startswith("part-"):
            rows[name[: len("part-000001-01234567")]] += len(parse_jsonl(file))
    return rows


def test_a_load_killed_at_any_moment_leaves_a_whole_load_and_the_next_one_is_exact(
    any_folder: ObjectStoragePath,
) -> None:
    # The server of this context imports the clients once, and has none of this process's threads.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__, "adlfs", "gcsfs"])
    load(any_folder, rows(5))
    for _ in range(KILLS):
        started = processes.Event()
        process = processes.Process(target=load_until_killed, args=(str(any_folder), dict(os.environ), started))
        process.start()
        assert started.wait(60)
        time.sleep(random.uniform(0, 0.5))
        process.kill()
        process.join()
        assert {5, 25} & set(visible_loads(any_folder).values()), "one load's rows went before another's were there"
        load(any_folder, rows(5))
        assert ids(any_folder) == ["0", "1", "2", "3", "4"]
        assert temporary_names(any_folder) == []
