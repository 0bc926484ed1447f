"""A MariaDB server of the tests' and benchmarks' own."""

from __future__ import annotations

import getpass
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
"""Where the servers of the system's packages are."""


@contextmanager
def running_mariadb(folder: Path) -> Iterator[Path]:
    """Run a server with its data in the folder, and yield its socket. Its user is `root`, without a password."""
    folder.mkdir(exist_ok=True)
    user = [f"--user={getpass.getuser()}"]
    install = ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
    environment = {**os.environ, "PATH": SYSTEM_PATH}
    # A server that starts removes the temporary tables that it finds, also those of another one.
    data = [f"--datadir={folder / 'data'}", f"--tmpdir={folder}"]
    subprocess.run([*install, *data, *user], env=environment, check=True, capture_output=True)
    # A free port could be another process's by the time that the server takes it.
    socket = folder / "socket"
    options = ["--skip-networking", f"--socket={socket}"]
    server = subprocess.Popen(
        ["mariadbd", "--no-defaults", *data, *options, *user],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(sa.create_engine(mariadb_url(socket)))
        yield socket
    finally:
        server.kill()
        server.wait()


def mariadb_url(socket: Path) -> str:
    return f"mysql://root:@localhost/?unix_socket={socket}"


def _wait_until_it_answers(engine: sa.engine.Engine) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            assert time.monotonic() < deadline, "MariaDB did not start"
            time.sleep(0.1)
        else:
            break
