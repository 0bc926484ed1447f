"""Processes that change a ledger at the same moment."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import HvsmsError
from airflow_provider_hvsms.campaigns.ledger import Ledger
from airflow_provider_hvsms.campaigns.sql_ledger import SqlLedger
from airflow_provider_hvsms.campaigns.task_state_ledger import TaskStateLedger
from tests.campaigns.entries import changed, entry
from tests.campaigns.state_store import FolderStore

Change = Callable[[Ledger, int], None]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def add(ledger: Ledger, number: int) -> None:
    ledger.add(entry(size=number + 1))


def replace(ledger: Ledger, number: int) -> None:
    ledger.replace(changed(entry(), size=number + 1))


def sql_ledger(connection: str) -> Ledger:
    os.environ["AIRFLOW_CONN_WAREHOUSE"] = connection
    return SqlLedger(BaseHook.get_connection("warehouse").get_hook())


def task_state_ledger(folder: Path) -> Ledger:
    return TaskStateLedger(FolderStore(folder))


def race(count: int, change: Change, open_ledger: Callable[[Any], Ledger], place: Any) -> Counter[str]:
    """Change the ledger at a place in some processes at once, and count their errors; those without one are `won`."""
    outcomes: Any = _context.Queue()
    ready = _context.Barrier(count)
    processes = [
        _context.Process(target=_change, args=(number, change, open_ledger, place, ready, outcomes), daemon=True)
        for number in range(count)
    ]
    for process in processes:
        process.start()
    found = Counter(outcomes.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(timeout=30)
    return found


def _change(
    number: int, change: Change, open_ledger: Callable[[Any], Ledger], place: Any, ready: Any, outcomes: Any
) -> None:
    try:
        ledger = open_ledger(place)
        ready.wait(timeout=90)
        change(ledger, number)
    except HvsmsError as error:
        outcomes.put(type(error).__name__)
    except BaseException as error:
        outcomes.put(repr(error))
    else:
        outcomes.put("won")
