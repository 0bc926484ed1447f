"""Requests over HTTP: quota, connections, time limits and retries."""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec
import requests
import tenacity
from requests.adapters import HTTPAdapter

from airflow_provider_hvsms import __version__
from airflow_provider_hvsms.api.connection_errors import connection_error
from airflow_provider_hvsms.api.errors import (
    InvalidRecord,
    InvalidRequest,
    OutcomeUnknown,
    QuotaExceeded,
    ServerUnreachable,
    ServiceUnavailable,
    UnexpectedResponse,
)
from airflow_provider_hvsms.api.filters import MAX_CONCURRENCY
from airflow_provider_hvsms.api.fork import renew_after_fork
from airflow_provider_hvsms.api.quota.permit import Permit
from airflow_provider_hvsms.api.quota.quota import Quota, QuotaLeft, UsageGroup
from airflow_provider_hvsms.api.redaction import hide_queries_in_logs
from airflow_provider_hvsms.api.request import Request
from airflow_provider_hvsms.api.response import Response
from airflow_provider_hvsms.api.service_clock import ServiceClock
from airflow_provider_hvsms.api.status_codes import raise_for_transient

log = logging.getLogger(__name__)
hide_queries_in_logs()

ResultT = TypeVar("ResultT")

_MAX_PAUSE = 60.0
_POOL_SIZE = 2 * MAX_CONCURRENCY


def _do_nothing() -> None:
    """Stand in where nothing is to be done before a request leaves."""


class _Departure:
    """Notes when a request left."""

    def __init__(self, before_sending: Callable[[], None]) -> None:
        self._before_sending = before_sending
        self.left_at: datetime | None = None

    def leave(self) -> None:
        self._before_sending()
        self.left_at = datetime.now(UTC)


@dataclasses.dataclass(frozen=True)
class TimeLimits:
    """How long to wait, in seconds, and how often to try.

    Example::

        TimeLimits(read=120, tries=3)

    :param connect: for a connection; 10 s by default, as a server that takes longer is down.
    :param read: between two bytes of the response; 60 s by default, as a page of 1,000 records can take several.
    :param tries: attempts for one request; 6 by default, so that with the pauses between them (2, 4, 8, 16, 32 s) an
        outage of about a minute passes unnoticed. A token that the service rejects is renewed for one request as often
        as this allows, but at most three times.
    :param quota: for quota, or the end of a penalty; no limit by default, as only waiting helps.
    """

    connect: float = 10.0
    read: float = 60.0
    tries: int = 6
    quota: float = math.inf


class Transport:
    """A pool of connections to one server, shared by threads. TLS is verified, and no redirect is followed.

    :param server: scheme, host and port.
    :param quota: says when each request may be sent.
    :param sleep: waits the given seconds between attempts.
    """

    def __init__(
        self,
        server: str,
        *,
        quota: Quota,
        limits: TimeLimits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._quota = quota
        self._limits = limits or TimeLimits()
        self._sleep = sleep
        self._closed = False
        self._waited_until = 0.0
        self._seconds = 0.0
        self.requests = 0
        """Requests sent."""
        self.waited = 0.0
        """Seconds in which at least one request waited for quota."""
        self.clock = ServiceClock()
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Leave the connections to the parent process."""
        self._counting = threading.Lock()
        self._http = requests.Session()
        self._http.headers["User-Agent"] = f"airflow-provider-hvsms/{__version__}"
        self._http.headers["Accept"] = "application/json"
        self._http.mount(self._server, HTTPAdapter(pool_maxsize=_POOL_SIZE))

    def exchange(self, request: Request, accept: Callable[[Response], ResultT]) -> ResultT:
        """Send a request until a response is accepted, at most `limits.tries` times.

        Retried are lost connections, time-outs, 408, 5xx, 429 (after its penalty) and bodies that are not the service's
        JSON. The pause between attempts doubles from 2 s to 60 s, and is at least what `Retry-After` asks for.

        :param accept: turns a response below 500 that is neither 408, 429 nor a redirect into the result, or raises.
        :raises TransientError: the last attempt failed too.
        """
        result: ResultT = self._retrying()(self._attempt, request, accept)
        return result

    def exchange_once(
        self, request: Request, accept: Callable[[Response], ResultT], *, before_sending: Callable[[], None]
    ) -> ResultT:
        """Send a request that changes something, and repeat it only if it cannot have been carried out.

        Retried are 429 (after its penalty) and a server to which no connection could be opened, at most
        `limits.tries` times.

        :param accept: as for `exchange`.
        :param before_sending: called each time right before the request leaves, when it no longer waits for quota; if
            it raises, the request is not sent.
        :raises OutcomeUnknown: the connection was lost or timed out, or the response is 408, 5xx, a redirect or not
            what the service sends.
        :raises TransientError: the last attempt was refused too.
        """
        result: ResultT = self._retrying()(self._attempt_once, request, accept, before_sending)
        return result

    def send_if_free(self, request: Request) -> None:
        """Send a request once if the quota has room for it now; otherwise do nothing."""
        if self._quota.has_room(request.group):
            self._send(request)

    @property
    def mean_latency(self) -> float:
        """Seconds from sending a request to its response, on average; 0 before the first."""
        return self._seconds / self.requests if self.requests else 0.0

    def sustainable_concurrency(self, group: UsageGroup) -> float:
        """Requests in flight at once that use up the quota (Little's law); infinity while no limit is known."""
        return self._quota.rate(group) * self.mean_latency

    def quota_left(self, group: UsageGroup) -> QuotaLeft | None:
        """What is left of the quota; `None` while no limit is known."""
        return self._quota.left(group)

    def open(self) -> None:
        """Allow requests again after `close`."""
        self._closed = False

    def close(self) -> None:
        """Close the connections. No further request is sent, not even one that is waiting for quota."""
        self._closed = True
        self._http.close()

    def _attempt_once(
        self, request: Request, accept: Callable[[Response], ResultT], before_sending: Callable[[], None]
    ) -> ResultT:
        departure = _Departure(before_sending)
        try:
            return self._attempt(request, accept, departure.leave)
        except (QuotaExceeded, ServerUnreachable):
            raise
        except (ServiceUnavailable, UnexpectedResponse, InvalidRecord) as error:
            if departure.left_at is None:
                raise
            what = str(error).removeprefix(f"{request}: ")
            raise OutcomeUnknown(
                f"{request}: {what} It is open whether the request was carried out. Do not repeat it before you have "
                "looked.",
                departure.left_at,
            ) from None

    def _attempt(
        self,
        request: Request,
        accept: Callable[[Response], ResultT],
        before_sending: Callable[[], None] = _do_nothing,
    ) -> ResultT:
        response = self._send(request, before_sending)
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise QuotaExceeded(
                f"{request}: the service answered {response}. Other programs use the quota of this user and app too. "
                f"A penalty is on until {self._quota.penalty_ends_at(request.group):%H:%M:%S} UTC."
            )
        raise_for_transient(request, response)
        try:
            return accept(response)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnexpectedResponse(
                f"{request}: {response} came back, which is not what the service sends: {error}. If this persists, "
                "check the proxies between this machine and the connection's host."
            ) from error

    def _send(self, request: Request, before_sending: Callable[[], None] = _do_nothing) -> Response:
        with self._quota.permit(request.group, max_wait=self._limits.quota) as permit:
            if self._closed:
                raise InvalidRequest(
                    f"{request}: the client was closed before the request was sent. Close it after its last read."
                )
            before_sending()
            self._count(permit)
            sent_at = datetime.now(UTC)
            try:
                response = self._http.request(
                    request.method,
                    self._server + request.path,
                    params=request.parameters,
                    data=request.form if request.json is None else request.json,
                    headers=None if request.json is None else {"Content-Type": "application/json"},
                    auth=request.auth,
                    timeout=(self._limits.connect, self._limits.read),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                # The chain would show the address, whose query may hold phone numbers, in the task's log.
                raise connection_error(request, self._server, error) from None
            self.clock.answered(response.headers, sent_at=sent_at, answered_at=datetime.now(UTC))
            permit.answered(response.status_code, response.headers)
        with self._counting:
            self._seconds += (permit.answered_at or permit.sent_at) - permit.sent_at
        return Response(response.status_code, response.headers, response.content)

    def _count(self, permit: Permit) -> None:
        with self._counting:
            self.requests += 1
            self.waited += max(0.0, permit.sent_at - max(self._waited_until, permit.sent_at - permit.waited))
            self._waited_until = max(self._waited_until, permit.sent_at)

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((ServiceUnavailable, UnexpectedResponse, QuotaExceeded)),
            stop=tenacity.stop_after_attempt(self._limits.tries),
            wait=_pause,
            sleep=self._sleep,
            before_sleep=self._log_retry,
            reraise=True,
        )

    def _log_retry(self, state: tenacity.RetryCallState) -> None:
        log.warning(
            "Attempt %d of %d: %s Retrying in %.0f s.",
            state.attempt_number,
            self._limits.tries,
            state.outcome and state.outcome.exception(),
            state.next_action.sleep if state.next_action else 0.0,
        )


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, QuotaExceeded):
        return 0.0  # the quota holds the next attempt back until the penalty has ended
    backoff = min(_MAX_PAUSE, 2.0**state.attempt_number)
    retry_after = error.retry_after if isinstance(error, ServiceUnavailable) else None
    return max(backoff, retry_after or 0.0)
