"""Loads in processes of their own, which can be started at once and killed."""

from __future__ import annotations

from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import s3fs
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.sinks.delta.packages import import_packages
from airflow_provider_hvsms.sinks.delta.sink import open_delta
from airflow_provider_hvsms.sinks.schema import MESSAGES
from tests.sinks.files.folders import attach
from tests.sinks.files.sample_rows import NOON, row
from tests.transfers.processes import forkserver

# For the fork server, which has then imported them for all processes.
import_packages()


class Loading:
    """A process that loads rows, once or several times.

    :param first: the number of the first row; a process with a greater one has newer states.
    """

    def __init__(
        self, path: ObjectStoragePath, *, first: int = 0, count: int = 10, status: str = "Sent", loads: int = 1
    ) -> None:
        s3: dict[str, Any] = dict(path.fs.storage_options) if path.protocol == "s3" else {}
        self._connection, of_child = forkserver.Pipe()
        self._process = forkserver.Process(
            target=_load, args=(str(path), s3, first, count, status, loads, of_child), daemon=True
        )
        self._process.start()
        of_child.close()

    def wait_until_staged(self) -> None:
        assert self._connection.recv() == "staged"

    def merge(self) -> None:
        """Let it merge what is staged; do not wait."""
        self._connection.send("merge")

    def changes(self) -> tuple[int, int, int]:
        """Wait for the end of a merge: the rows that were inserted, updated and unchanged."""
        found: tuple[int, int, int] = self._connection.recv()
        return found

    def close(self) -> None:
        self._process.join(60)
        assert self._process.exitcode == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _load(
    path: str, s3: dict[str, Any], first: int, count: int, status: str, loads: int, connection: Connection
) -> None:
    if s3:
        attach(protocol="s3", conn_id="lake", fs=s3fs.S3FileSystem(**s3))
    for load in range(loads):
        time = NOON + timedelta(days=1 + load, hours=first)
        rows = [row(number, message_status=status, last_modified_time=time) for number in range(first, first + count)]
        with open_delta(ObjectStoragePath(path), MESSAGES) as sink:
            sink.add(rows, [])
            if not load:
                connection.send("staged")
                connection.recv()
            changes = sink.finish({})
        connection.send((changes.inserted, changes.updated, changes.unchanged))
