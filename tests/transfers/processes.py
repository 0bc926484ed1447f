"""Transfers in processes of their own, which can be killed, and which begin within milliseconds."""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
from collections.abc import Mapping
from datetime import datetime
from multiprocessing.process import BaseProcess
from typing import Any

forkserver = multiprocessing.get_context("forkserver")
forkserver.set_forkserver_preload(
    [
        "airflow.providers.postgres.hooks.postgres",
        "airflow.providers.sqlite.hooks.sqlite",
        "airflow_provider_hvsms.transfers.hvsms_to_object_storage",
        "airflow_provider_hvsms.transfers.hvsms_to_sql",
        "tests.sinks.delta.processes",
        "tests.transfers.processes",
    ]
)


def start(operators: Mapping[str, Mapping[str, Any]], interval: tuple[datetime, datetime]) -> BaseProcess:
    """Begin to run operators, given as import paths and arguments, one after the other for a data interval."""
    connections = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW")}
    process = forkserver.Process(target=_run, args=(dict(operators), interval, connections))
    process.start()
    return process


def _run(
    operators: Mapping[str, Mapping[str, Any]], interval: tuple[datetime, datetime], environment: Mapping[str, str]
) -> None:
    os.environ.update(environment)
    context = {"data_interval_start": interval[0], "data_interval_end": interval[1]}
    for path, arguments in operators.items():
        pkgutil.resolve_name(path)(task_id="load", **arguments).execute(context)
