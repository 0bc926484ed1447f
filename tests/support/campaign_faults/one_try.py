"""One try of a campaign's task, in a process of its own."""

from __future__ import annotations

import dataclasses
import json
import linecache
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

LEDGER_FILES = (
    "campaigns/sql_ledger.py", "campaigns/ledger_database.py", "campaigns/task_state_ledger.py",
    "campaign_faults/file_state.py",
)  # fmt: skip
RECORD_FILES = ("campaigns/part_record.py",)
SENDER_FILES = (
    *LEDGER_FILES, *RECORD_FILES, "campaigns/sender.py", "campaigns/lookup.py", "campaigns/match.py",
    "campaigns/rejected_lookup.py", "operators/campaign_run.py", "api/account.py", "api/transport.py",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stop:
    """The process is killed or paused before a line.

    :param line: number of the line, from 1, as the lines of some files are executed; 0: not at all.
    :param pause: seconds; `None`: it is killed, as by `kill -9`.
    :param files: the ends of their paths.
    """

    line: int = 0
    pause: float | None = None
    files: tuple[str, ...] = SENDER_FILES


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


def run(campaign: Campaign, log: Path, stop: Stop, ends: Connection) -> None:
    """Execute the operator as a worker does, and send its `End` to the parent.

    :param stop: where the process is killed or paused.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    for conn_id, connection in campaign.connections.items():
        os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
    operator = HvsmsSendBatchOperator(task_id="send", **campaign.arguments)
    context = {**run_of(campaign.run_id), "task_state_store": FileState(campaign.state)}
    counter = LineCounter(stop)
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
    """Counts the lines of some files as they are executed, and stops the process at one of them."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._stopped = False
        self.lines = 0

    def trace(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        return self._line if frame.f_code.co_filename.endswith(self._stop.files) else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "line":
            self.lines += 1
            if self.lines >= self._stop.line > 0 and not self._stopped and self._may_stop(frame):
                self._stopped = True
                self._stop_here(frame)
        return self._line

    def _may_stop(self, frame: FrameType) -> bool:
        """A pause between the last look at the clock and the request is a limit that is documented."""
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        return self._stop.pause is None or (frame.f_code.co_name, line) != ("note_intent", "return")

    def _stop_here(self, frame: FrameType) -> None:
        print(f"stopped before {frame.f_code.co_filename}:{frame.f_lineno}: {self._stop}", flush=True)
        if self._stop.pause is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            time.sleep(self._stop.pause)
