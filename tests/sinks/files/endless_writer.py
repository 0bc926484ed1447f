"""Writes rows into the folder that its argument names until it is killed; a line for each 1,000."""

from __future__ import annotations

import sys

from airflow.providers.common.compat.sdk import ObjectStoragePath

from tests.sinks.files.lake import opened, reject, rows

if __name__ == "__main__":
    with opened(ObjectStoragePath(sys.argv[1]), rows_per_part=300) as sink:
        while True:
            sink.add(rows(1_000), [reject(1)])
            print("1,000 more", flush=True)
