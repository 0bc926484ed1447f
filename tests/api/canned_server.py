"""A server with canned responses, for responses that the sandbox does not send."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import parse_headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

HTML = "<html><body><h1>403 Forbidden</h1>blocked by the firewall</body></html>"
LOGIN = {"access_token": "token", "token_type": "bearer", "expires_in": 3600}


@dataclasses.dataclass(frozen=True)
class Canned:
    """A response: text is sent as HTML, any other body as JSON."""

    body: Any
    status: int = 200
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def content_type(self) -> str:
        return "text/html" if isinstance(self.body, str) else "application/json"

    def as_bytes(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


Respond = Callable[[str], Canned]
"""Maps a path with its query to the response. Logins have their own."""


Change = Callable[[bytes], Canned | None]
"""Maps the body of a request that changes something to the response; `None` closes the connection without one."""


@contextmanager
def canned_server(
    respond: Respond = lambda _: Canned({}),
    *,
    login: Callable[[], Canned] = lambda: Canned(LOGIN),
    change: Change = lambda _: Canned({}),
) -> Iterator[str]:
    """Run a server that responds to reads with `respond` and to changes with `change`, and return its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(respond(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if "/oauth/" in self.path:
                return self._send(login() if self.path.endswith("/token") else Canned({}))
            canned = change(body)
            if canned is None:
                self.close_connection = True
                return None
            return self._send(canned)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Keep the output of the tests free of requests."""

        def _send(self, canned: Canned) -> None:
            body = canned.as_bytes()
            self.send_response_only(canned.status)
            defaults = {"Date": self.date_time_string(), "Content-Type": canned.content_type}
            for name, value in {**defaults, **canned.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def refusing_server() -> Iterator[str]:
    """The URL of a port that refuses connections, and that no other process can take meanwhile."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


@contextmanager
def login_only_server() -> Iterator[str]:
    """The URL of a port that responds to one login, and refuses connections before it has responded."""
    with socket.socket() as silent, socket.socket() as listener:
        for socket_ in (silent, listener):
            socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        silent.bind(("127.0.0.1", 0))
        listener.bind(silent.getsockname())
        listener.listen()

        def respond_once() -> None:
            connection, _ = listener.accept()
            listener.close()
            body = Canned(LOGIN).as_bytes()
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
            with connection, connection.makefile("rb") as request:
                request.readline()
                headers = parse_headers(request)
                request.read(int(headers["Content-Length"]))
                connection.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body)

        Thread(target=respond_once, daemon=True).start()
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"
