"""bqemulator as a process, behind a proxy that records requests and bridges what differs from the real service.

- Transactions: the emulator lets two of them change a table at once. Here the second one is refused, as the
  documentation of BigQuery says of transactions that change existing rows.
- `ALTER TABLE` adds one column at a time.
- The time at which a table expires is not kept. It is found in the recorded requests.

A job that uploads a file gets another id than the client gave it, and the REST API does not show what `ALTER TABLE`
changes. Rights, quotas, locations, partitions and clustering are not emulated.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from tests.support.ports import free_port
from tests.support.waiting import wait_for

CONFLICT = "Transaction is aborted due to concurrent update against table"
_DROPPED_HEADERS = ("connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding")


@dataclasses.dataclass(frozen=True)
class Request:
    """A request of the client.

    :param body: the decoded JSON, empty if it is not JSON.
    """

    method: str
    path: str
    body: dict[str, Any]

    @property
    def query(self) -> str:
        """The SQL of a query job; empty for another request."""
        return str(self.body.get("configuration", {}).get("query", {}).get("query", ""))

    @property
    def is_dry_run(self) -> bool:
        return bool(self.body.get("configuration", {}).get("dryRun"))

    @property
    def starts_job(self) -> bool:
        return self.method == "POST" and self.path.partition("?")[0].endswith("/jobs") and not self.is_dry_run

    @property
    def starts_upload(self) -> bool:
        return self.starts_job and self.path.startswith("/upload/")

    @property
    def created_table(self) -> str | None:
        if self.method != "POST" or not self.path.partition("?")[0].endswith("/tables"):
            return None
        return str(self.body["tableReference"]["tableId"])


@dataclasses.dataclass(frozen=True)
class Failure:
    """What the proxy answers in place of the emulator.

    :param on: a part of the path or the SQL of the request.
    :param is_carried_out: the request reaches the emulator, and only the answer is lost.
    """

    on: str
    status: int
    reason: str
    message: str
    is_carried_out: bool = False

    def matches(self, request: Request) -> bool:
        return self.on in f"{request.method} {request.path}\n{request.query}"


@dataclasses.dataclass
class Emulator:
    """A running emulator.

    :param requests: all that were sent, in order.
    :param failures: those to come; each is used once.
    :param conflicts: how many transactions were refused because of another one.
    :param awaited_conflicts: how many must have been refused before a transaction ends.
    """

    url: str
    port: int
    requests: list[Request] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    conflicts: int = 0
    awaited_conflicts: int = 0
    transaction: Lock = dataclasses.field(default_factory=Lock)

    def wait_until_idle(self) -> None:
        """Wait for the end of a transaction whose client was killed."""
        with self.transaction:
            return

    def jobs(self) -> list[Request]:
        return [request for request in self.requests if request.starts_job]

    def expirations(self) -> dict[str, datetime | None]:
        """When each table expires that was created."""
        created = {request.created_table: request.body for request in self.requests}
        return {
            name: datetime.fromtimestamp(int(body["expirationTime"]) / 1000, UTC) if "expirationTime" in body else None
            for name, body in created.items()
            if name
        }


@contextmanager
def running() -> Iterator[Emulator]:
    """Serve until the block ends."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("bqemulator")), "start", "--log-level", "critical"]
    options = ["--rest-port", str(port), "--grpc-port", "0"]
    import_extension = "import duckdb_extensions; duckdb_extensions.import_extension('spatial')"
    subprocess.run([sys.executable, "-c", import_extension], check=True, capture_output=True)
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = _Server(("127.0.0.1", 0), _Proxy)
    server.emulator = Emulator(f"http://127.0.0.1:{server.server_port}", port)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        wait_for(lambda: _answers(port), seconds=120)
        yield server.emulator
    finally:
        server.shutdown()
        server.server_close()
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError):
        connection.request("GET", "/bigquery/v2/projects/p/datasets")
        return connection.getresponse().status == http.HTTPStatus.OK
    return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    emulator: Emulator

    def handle_error(self, *args: Any) -> None:
        """Say nothing: a process that was killed resets its connections."""


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Say nothing: pytest's output is for tests."""

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, _json(content))
        self._emulator.requests.append(request)
        failure = next((one for one in self._emulator.failures if one.matches(request)), None)
        if failure:
            self._emulator.failures.remove(failure)
            if failure.is_carried_out:
                self._forward(content)
            self._answer_error(failure.status, failure.reason, failure.message)
        elif "BEGIN TRANSACTION" in request.query and not request.is_dry_run:
            self._run_transaction(content)
        else:
            answers = [self._forward(one) for one in _one_column_at_a_time(content, request.query)]
            self._answer(*answers[0])

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names of the base class

    @property
    def _emulator(self) -> Emulator:
        assert isinstance(self.server, _Server)
        return self.server.emulator

    def _run_transaction(self, content: bytes) -> None:
        if not self._emulator.transaction.acquire(blocking=False):
            self._emulator.conflicts += 1
            self._answer_error(400, "invalidQuery", f"{CONFLICT} p:sms.messages.")
            return
        try:
            answer = self._forward(content)
            wait_for(lambda: self._emulator.conflicts >= self._emulator.awaited_conflicts)
        finally:
            self._emulator.transaction.release()
        self._answer(*answer)

    def _forward(self, content: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _DROPPED_HEADERS}
        connection = http.client.HTTPConnection("127.0.0.1", self._emulator.port, timeout=300)
        connection.request(self.command, self.path, content, {**headers, "Accept-Encoding": "identity"})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        kept = {name: value for name, value in response.getheaders() if name.lower() not in _DROPPED_HEADERS}
        return response.status, kept, answer

    def _answer_error(self, status: int, reason: str, message: str) -> None:
        error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
        self._answer(status, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode())

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the loading process was killed
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


def _json(content: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        decoded = json.loads(content)
        return decoded if isinstance(decoded, dict) else {}
    return {}


def _one_column_at_a_time(content: bytes, sql: str) -> list[bytes]:
    alter, _, columns = sql.partition(" ADD COLUMN ")
    if not columns:
        return [content]
    requests = []
    for number, column in enumerate(columns.split(", ADD COLUMN ")):
        job = json.loads(content)
        job["configuration"]["query"]["query"] = f"{alter} ADD COLUMN {column}"
        job["jobReference"]["jobId"] += f"_{number}" if number else ""
        requests.append(json.dumps(job).encode())
    return requests


def tables_of(sql: str) -> set[str]:
    """The names in backticks that have a dataset."""
    return {name for name in re.findall("`([^`]*)`", sql) if "." in name}
