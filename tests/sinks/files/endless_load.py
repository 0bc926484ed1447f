"""Writes rows to the folder given as its argument until it is killed; prints a line for every 1,000 rows."""

from __future__ import annotations

import sys

from airflow.providers.common.compat.sdk import ObjectStoragePath

from tests.sinks.files.folders import open_sink
from tests.sinks.files.sample_rows import reject, rows

if __name__ == "__main__":
    with open_sink(ObjectStoragePath(sys.argv[1]), rows_per_part=300) as sink:
        while True:
            sink.add(rows(1_000), [reject(1)])
            print("1,000 more", flush=True)
