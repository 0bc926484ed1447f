"""Ends the processes that a test starts, also when the test's own process is killed.

Run as a program, it reads the ids of sessions from its standard input, one a line, and ends those sessions when the
input ends: the kernel closes it, however the other side goes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Collection
from types import TracebackType

import psutil  # type: ignore[import-untyped]

GRACE = 3.0


class SessionKeeper:
    """Ends the sessions that were added to it when it is closed, or when this process dies."""

    def __enter__(self) -> SessionKeeper:
        self._keeper = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.communicate()

    def keep(self, session: int) -> None:
        """End this session with the others. Its id is that of its first process."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{session}\n")


def end(sessions: Collection[int]) -> None:
    """Ask the first process of each session to end, as a service manager does; kill what is left after a while."""
    for process in members_of(sessions):
        if process.pid in sessions:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
    deadline = time.monotonic() + GRACE
    while members_of(sessions) and time.monotonic() < deadline:
        time.sleep(0.05)
    kill(sessions)


def kill(sessions: Collection[int]) -> None:
    """Kill every process of these sessions, as a machine that goes down does."""
    while running := members_of(sessions):
        for process in running:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.02)


def members_of(sessions: Collection[int]) -> list[psutil.Process]:
    """The processes of these sessions that still run, whatever process group they have joined."""
    return [process for process in psutil.process_iter() if _session_of(process) in sessions]


def _session_of(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getsid(process.pid)
    except (psutil.Error, OSError):
        return None


if __name__ == "__main__":
    end({int(line) for line in sys.stdin})
