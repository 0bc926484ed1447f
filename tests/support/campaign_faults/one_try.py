"""One try of a campaign's task, in a process of its own."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.operators.campaigns import HvsmsSendBatchOperator
from tests.support.campaign_faults.file_state import FileState
from tests.support.send_operator import run_of

TRACED = tuple(
    f"/{name}.py"
    for name in (
        *("campaigns/sender", "campaigns/part_record", "campaigns/lookup", "campaigns/match"),
        *("campaigns/sql_ledger", "campaigns/ledger_database", "campaigns/task_state_ledger"),
        *("campaigns/rejected_lookup", "operators/campaign_run", "api/sending", "api/transport", "file_state"),
    )
)
"""The files whose lines are counted to kill a process at a random one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Campaign:
    """What each try of a task is given.

    :param connections: Airflow connections by id.
    :param state: the folder of the task's state, which is the ledger unless there is one in `ledger_conn_id`.
    """

    arguments: Mapping[str, Any]
    connections: Mapping[str, Mapping[str, Any]]
    state: Path
    run_id: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class End:
    """How a try ended.

    :param how: `success`; `retry`: Airflow tries again if tries are left; `failed`: it does not; `killed`.
    :param reason: the error in words.
    :param lines: that were counted.
    """

    how: str
    reason: str = ""
    batch_ids: tuple[str, ...] = ()
    seconds: float = 0.0
    lines: int = 0


def run(campaign: Campaign, log: Path, kill_at: int, ends: Connection) -> None:
    """Execute the operator as a worker does, and send its `End` to the parent.

    :param kill_at: after so many of the counted lines the process kills itself; 0: not.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    for conn_id, connection in campaign.connections.items():
        os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
    operator = HvsmsSendBatchOperator(task_id="send", **campaign.arguments)
    context = {**run_of(campaign.run_id), "task_state_store": FileState(campaign.state)}
    counter = LineCounter(kill_at)
    started = time.monotonic()
    sys.settrace(counter.trace)
    end = _execute(operator, context)
    sys.settrace(None)
    print(f"{end.how}: {end.reason}", flush=True)
    ends.send(dataclasses.replace(end, seconds=time.monotonic() - started, lines=counter.lines))


def _execute(operator: HvsmsSendBatchOperator, context: Any) -> End:
    try:
        result = operator.execute(context)
    except AirflowFailException as error:
        return End(how="failed", reason=str(error))
    except Exception as error:
        return End(how="retry", reason=f"{type(error).__name__}: {error}")
    return End(how="success", batch_ids=tuple(result["batch_ids"]))


class LineCounter:
    """Counts the lines of the sender as they are executed, and kills the process at one of them."""

    def __init__(self, kill_at: int) -> None:
        self._kill_at = kill_at
        self.lines = 0

    def trace(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        return self._line if frame.f_code.co_filename.endswith(TRACED) else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "line":
            self.lines += 1
            if self.lines == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line
