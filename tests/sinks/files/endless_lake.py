"""Loads three days into a lake, again and again, in a process that is killed on its way."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from datetime import timedelta
from multiprocessing.connection import Connection

from airflow.providers.common.compat.sdk import ObjectStoragePath

from tests.sinks.files.folders import FIRST_DAY, attach, open_lake
from tests.sinks.files.sample_rows import row
from tests.support.s3 import connect_s3

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def start(lake: str, s3_url: str) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """Start the process, and return it with a pipe that receives the name of each load that is finished.

    Each row has the name of its load as its text, and so has the summary.

    :param s3_url: the server of lakes in S3.
    """
    receiver, sender = _context.Pipe(duplex=False)
    process = _context.Process(target=_run, args=(lake, s3_url, sender), daemon=True)
    process.start()
    return process, receiver


def _run(lake: str, s3_url: str, finished: Connection) -> None:
    attach(protocol="s3", conn_id="lake", fs=connect_s3(s3_url))
    for count in itertools.count(31):
        name = f"load {count} of {os.getpid()}"
        created = [FIRST_DAY + timedelta(days=number % 3, minutes=number) for number in range(3 * count)]
        rows = [row(number, creation_time=moment, text=name) for number, moment in enumerate(created)]
        with open_lake(ObjectStoragePath(lake), 3, format="csv", rows_per_part=20) as sink:
            sink.add(rows, [])
            sink.finish({"rows": 0, "load": name})
        finished.send(name)
