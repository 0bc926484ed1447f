"""The sandbox: a store and an HTTP server in front of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event, Thread
from types import TracebackType
from typing import Any

from airflow_provider_hvsms.sandbox.data.history import default_end
from airflow_provider_hvsms.sandbox.data.store import Store
from airflow_provider_hvsms.sandbox.http.application import Application
from airflow_provider_hvsms.sandbox.http.counters import Counters
from airflow_provider_hvsms.sandbox.http.faults import FaultSchedule
from airflow_provider_hvsms.sandbox.http.server import Server
from airflow_provider_hvsms.sandbox.settings import Settings


class Sandbox:
    """A message store on 127.0.0.1, for a ``with`` block.

    Usage::

        with Sandbox(Settings(messages=5000, light=1000)) as sandbox:
            sandbox.faults.add(Fault.server_error(503), path="/messages")
            print(sandbox.url, sandbox.counters.reads)

    :param settings: default: ``Settings()``. The attribute of this name has ``end`` set.
    :param clock: seconds since the epoch; everything that depends on time uses it.
    :param sleep: waits for ``Settings.latency``.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        settings = settings or Settings()
        self.settings = replace(settings, end=settings.end or default_end(clock()))
        self.store = Store(self.settings, clock)
        self._stopping = Event()
        self._application = Application(self.settings, self.store, clock, sleep, self._stopping.wait)
        self._server: Server | None = None
        self._thread: Thread | None = None

    @property
    def counters(self) -> Counters:
        """Counts of the requests so far."""
        return self._application.counters

    @property
    def faults(self) -> FaultSchedule:
        """The faults that are still to happen."""
        return self._application.faults

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        if self._server is None:
            raise RuntimeError("The sandbox has not been started.")
        return self._server.url

    @property
    def airflow_connection(self) -> dict[str, Any]:
        """The Airflow connection to the sandbox, in Airflow's JSON format."""
        return self.settings.airflow_connection(self.url)

    def start(self) -> Sandbox:
        """Start the server in a thread, and the live batches."""
        self._server = Server(self.settings.port, self._application, gzip=self.settings.gzip)
        for number in range(self.settings.live_batches):
            self.store.start_batch(size=120 * (number + 1), seconds=120.0 * (number + 1))
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), name="sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections. A second call does nothing."""
        self._stopping.set()
        server, thread, self._thread = self._server, self._thread, None
        if server is not None and thread is not None:
            server.close()
            thread.join()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
