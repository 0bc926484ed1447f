"""The sandbox as an HTTP server on loopback."""

from __future__ import annotations

import gzip
import re
import socket
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any

from airflow_provider_hvsms.sandbox import answers
from airflow_provider_hvsms.sandbox.answers import Answer
from airflow_provider_hvsms.sandbox.application import Application, Request
from airflow_provider_hvsms.sandbox.counters import Counters
from airflow_provider_hvsms.sandbox.faults import Faults
from airflow_provider_hvsms.sandbox.settings import Settings
from airflow_provider_hvsms.sandbox.store import Store

HOST = "127.0.0.1"
_LARGEST_BODY = 1 << 20
_WORTH_COMPRESSING = 1 << 10


class Sandbox:
    """A message store on 127.0.0.1.

    It is meant for a ``with`` block::

        with Sandbox(Settings(messages=5000, light=1000)) as sandbox:
            print(sandbox.url)

    :param settings: how it shall be; ``None``: the defaults.
    :param clock: seconds since the epoch; everything that depends on time asks it.
    :param sleep: waits for ``Settings.latency``.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.settings = (settings or Settings()).settled(clock())
        self.store = Store(self.settings, clock)
        self._stopping = Event()
        self._application = Application(self.settings, self.store, clock, sleep, self._stopping.wait)
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def counters(self) -> Counters:
        """What has happened so far."""
        return self._application.counters

    @property
    def faults(self) -> Faults:
        """What shall go wrong."""
        return self._application.faults

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        if self._server is None:
            raise RuntimeError("The sandbox has not been started.")
        return f"http://{HOST}:{self._server.server_address[1]}"

    @property
    def airflow_connection(self) -> dict[str, Any]:
        """The Airflow connection to it, as JSON has it."""
        return self.settings.airflow_connection(self.url)

    def start(self) -> Sandbox:
        """Listen and answer, in a thread of its own; start the live batches."""
        self._server = _Server((HOST, self.settings.port), self._application, compresses=self.settings.gzip)
        for number in range(self.settings.live_batches):
            self.store.start_batch(size=120 * (number + 1), seconds=120.0 * (number + 1))
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), name="sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections. Calling it again does nothing."""
        self._stopping.set()
        server, thread, self._thread = self._server, self._thread, None
        if server is not None and thread is not None:
            server.shutdown()
            server.server_close()
            server.close_connections()
            thread.join()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], application: Application, *, compresses: bool) -> None:
        self.application = application
        self.compresses = compresses
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # The base class asks the name service for the host's name here, which may take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report a failure of the sandbox, but not a client that went away."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Buffered, so that the headers and the body leave in one write.
    wbufsize = -1

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(answers.error(413, "CMN-101", "The body is too large, or its length is not known."))
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.application.answer(Request(self.command, self.path, headers, body))
        if self.server.compresses and len(answer.body) >= _WORTH_COMPRESSING and _accepts_gzip(headers):
            packed = gzip.compress(answer.body, 1, mtime=0)
            answer = replace(answer, body=packed).having([("Content-Encoding", "gzip")])
        self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _serve  # noqa: N815 - http.server wants these names

    def _send(self, answer: Answer) -> None:
        if answer.wire != "whole":
            self.close_connection = True
        if answer.wire == "nothing":
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("RCRequestId", str(uuid.uuid4()))
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if answer.wire == "half" else answer.body)
        self.wfile.flush()

    def version_string(self) -> str:
        """Return the ``Server`` header."""
        return "HvsmsSandbox"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server calls it so
        """Write nothing: the counters and the log tell what happened."""


def _accepts_gzip(headers: Mapping[str, str]) -> bool:
    return re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))", headers.get("accept-encoding", "")) is not None
