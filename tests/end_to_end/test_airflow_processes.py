"""The harness itself: all of its processes end, whatever happens to the tests."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

from tests.end_to_end import session_keeper
from tests.end_to_end.airflow_processes import CHECKOUT


def test_no_process_is_left_behind_when_the_tests_are_killed() -> None:
    code = """
        import os, subprocess, sys, time
        from tests.end_to_end.session_keeper import SessionKeeper

        # A child in a process group of its own, as the workers of Airflow start theirs.
        parent = "import os, time; os.fork() == 0 and os.setpgid(0, 0); time.sleep(600)"
        with SessionKeeper() as keeper:
            process = subprocess.Popen([sys.executable, "-c", parent], start_new_session=True)
            keeper.keep(process.pid)
            print(process.pid, flush=True)
            time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        session = int(tests.stdout.readline())
        _wait_until(lambda: len(session_keeper.members_of([session])) == 2)
        tests.send_signal(signal.SIGKILL)
    _wait_until(lambda: not session_keeper.members_of([session]))


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
