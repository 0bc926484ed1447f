"""An HTTP server on the loopback interface that passes every request to the application."""

from __future__ import annotations

import gzip
import re
import socket
import sys
import uuid
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

from airflow_provider_hvsms.sandbox.http.application import Application
from airflow_provider_hvsms.sandbox.http.request import Request
from airflow_provider_hvsms.sandbox.http.response import Response, error_response

HOST = "127.0.0.1"
_MAX_BODY = 50 << 20
_MIN_COMPRESSED = 1 << 10


class Server(ThreadingHTTPServer):
    """The server; it listens once it is created."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, application: Application, *, gzip: bool) -> None:
        self.application = application
        self.gzip = gzip
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{HOST}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without the name lookup of the base class, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, for `close`."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error of the sandbox, but not a client that disconnected."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop serving; close the port and all connections."""
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Buffered, so that headers and body leave in one write.
    wbufsize = -1

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(error_response(413, "CMN-101", "The body is too large, or its length is unknown."))
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        response = self.server.application.respond(Request(self.command, self.path, headers, body))
        if self.server.gzip and len(response.body) >= _MIN_COMPRESSED and _accepts_gzip(headers):
            compressed = gzip.compress(response.body, 1, mtime=0)
            response = replace(response, body=compressed).with_headers([("Content-Encoding", "gzip")])
        self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _serve  # noqa: N815 - names of the base class

    def _send(self, response: Response) -> None:
        if response.sent != "whole":
            self.close_connection = True
        if response.sent == "nothing":
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("RCRequestId", str(uuid.uuid4()))
        for name, value in response.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            half = len(response.body) // 2
            self.wfile.write(response.body[:half] if response.sent == "half" else response.body)
        self.wfile.flush()

    def version_string(self) -> str:
        """Return the ``Server`` header."""
        return "HvsmsSandbox"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the base class
        """Write no log: `Counters.log` has the requests."""


def _accepts_gzip(headers: Mapping[str, str]) -> bool:
    return re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))", headers.get("accept-encoding", "")) is not None
