"""The ledgers of campaigns, each of which can be made unreachable for a while."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from tests.support.campaign_faults.file_state import FileState


class LedgerUnderTest(Protocol):
    """A ledger that the tries of one campaign share.

    :ivar arguments: of the operator.
    :ivar connections: Airflow connections by id.
    """

    arguments: Mapping[str, Any]
    connections: Mapping[str, Mapping[str, Any]]

    def interrupt(self, seconds: float) -> None:
        """Make it unreachable, and reachable again after some seconds."""

    def cut_at_commit(self, number: int) -> None:
        """Lose the connection right after so many further commits, before their answer, if it can be done."""


class StateLedger:
    """The state of the task, in a folder."""

    arguments: Mapping[str, Any] = {}
    connections: Mapping[str, Mapping[str, Any]] = {}

    def __init__(self, folder: Path) -> None:
        self._state = FileState(folder)

    def interrupt(self, seconds: float) -> None:
        self._state.cut()
        time.sleep(seconds)
        self._state.restore()

    def cut_at_commit(self, number: int) -> None:
        """A write that `interrupt` makes fail is carried out as well."""


class SqliteLedger:
    """A table in a SQLite file, which another process can lock."""

    arguments: Mapping[str, Any]
    connections: Mapping[str, Mapping[str, Any]]

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ledger.sqlite"
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("CREATE TABLE other (id INTEGER)")
        self.connections = {"warehouse": {"conn_type": "sqlite", "host": str(self._file)}}
        self.arguments = {"ledger_conn_id": "warehouse"}

    def interrupt(self, seconds: float) -> None:
        with closing(sqlite3.connect(self._file, timeout=30.0, isolation_level=None)) as connection:
            with suppress(sqlite3.OperationalError):
                connection.execute("BEGIN EXCLUSIVE")
                time.sleep(seconds)
                connection.execute("ROLLBACK")

    def cut_at_commit(self, number: int) -> None:
        """A file has no connection that could be lost."""


class PostgresLedger:
    """A table in PostgreSQL, behind a proxy that can be cut.

    :param server: the folder of the server's socket.
    :param table: the ledger's table, of this campaign alone.
    """

    arguments: Mapping[str, Any]
    connections: Mapping[str, Mapping[str, Any]]

    def __init__(self, server: Path, database: str, table: str) -> None:
        self._proxy = Proxy(str(server / ".s.PGSQL.5432"))
        self.connections = {
            "warehouse": {
                "conn_type": "postgres", "host": "127.0.0.1", "port": self._proxy.port, "login": "postgres",
                "schema": database, "extra": {"sslmode": "disable", "gssencmode": "disable"},
            }
        }  # fmt: skip
        self.arguments = {"ledger_conn_id": "warehouse", "ledger_table": table}

    def interrupt(self, seconds: float) -> None:
        self._proxy.cut()
        time.sleep(seconds)
        self._proxy.restore()

    def cut_at_commit(self, number: int) -> None:
        self._proxy.commits_until_cut = number

    def close(self) -> None:
        self._proxy.close()


class Proxy:
    """Passes TCP connections on to a Unix socket, until it is cut: then they are closed, and so are new ones."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_cut = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.commits_until_cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._is_cut = True
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    client.close()
                    continue
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server, self._kept(client, server):
            server.connect(self._target)
            back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
            back.start()
            self._pass_on(client, server, may_cut=True)
            back.join()

    @contextmanager
    def _kept(self, *sockets: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.update(sockets)
        try:
            with suppress(OSError):
                yield
        finally:
            with self._lock:
                self._open.difference_update(sockets)

    def _pass_on(self, source: socket.socket, target: socket.socket, *, may_cut: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                lose_answer = may_cut and self._is_commit(data)
                if lose_answer:
                    # The answer has no way back, but the server carries the commit out.
                    source.shutdown(socket.SHUT_RDWR)
                target.sendall(data)
                if lose_answer:
                    time.sleep(0.2)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _is_commit(self, data: bytes) -> bool:
        if not self.commits_until_cut or b"COMMIT" not in data:
            return False
        self.commits_until_cut -= 1
        return not self.commits_until_cut
