"""One exchange with the service: session, time limits, retries, errors."""

from __future__ import annotations

import dataclasses
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
import tenacity
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from airflow_provider_hvsms import __version__
from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    NotFound,
    PageTokenExpired,
    PermissionDenied,
    QuotaExceeded,
    ServiceUnavailable,
    SessionEnded,
    UnexpectedAnswer,
)
from airflow_provider_hvsms.api.filters import MAX_CONCURRENCY, Parameters
from airflow_provider_hvsms.api.fork import renew_after_fork
from airflow_provider_hvsms.api.quota.permit import Permit
from airflow_provider_hvsms.api.quota.quota import Quota, UsageGroup, retry_after

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

# What may be shown of a request; the rest are phone numbers and tokens.
_SHOWN_PARAMETERS = ("dateFrom", "dateTo", "batchId", "direction", "view", "status", "perPage")

_PHONE_NUMBER = re.compile(r"\+?\d(?:[\s().-]*\d){6,}")

_MAX_PAUSE = 60.0
_POOL_SIZE = 2 * MAX_CONCURRENCY


@dataclasses.dataclass(frozen=True)
class TimeLimits:
    """How long to wait, in seconds, and how often to try.

    :param connect: for the connection; 10 s, as a server that takes longer is down.
    :param read: between two bytes of the answer; 60 s, as a page of 1,000 records can take several.
    :param tries: of one request; 6, so that with the pauses between them (2, 4, 8, 16, 32 s) an outage of about a
        minute passes unseen.
    :param quota: for quota, or the end of a penalty; without a limit by default, as nothing else helps.
    """

    connect: float = 10.0
    read: float = 60.0
    tries: int = 6
    quota: float = math.inf


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of the service. Its text shows no phone number and no token."""

    method: str
    path: str
    auth: AuthBase = dataclasses.field(repr=False)
    group: UsageGroup
    parameters: Parameters = dataclasses.field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = dataclasses.field(default=None, repr=False)

    def __str__(self) -> str:
        shown = [f"{name}={self.parameters[name]}" for name in _SHOWN_PARAMETERS if name in self.parameters]
        return f"{self.method} {self.path}" + (f" ({', '.join(shown)})" if shown else "")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes = dataclasses.field(repr=False)

    @property
    def error(self) -> ErrorBody:
        """The service's error body; an empty one where something else came."""
        try:
            return msgspec.json.decode(self.body, type=ErrorBody)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ErrorBody()

    def __str__(self) -> str:
        kind = self.headers.get("Content-Type", "no content type").partition(";")[0]
        request_id = self.headers.get("RCRequestId", "none")
        said = self.error.summary or f"{kind}, {len(self.body)} bytes"
        return f"{self.status} ({said}; request id {request_id})"


class _ErrorDetail(msgspec.Struct, rename="camel"):
    error_code: str | None = None
    parameter_name: str | None = None


class ErrorBody(msgspec.Struct, rename="camel"):
    """The service's own words for an error (RingCentral: ASGErrorResponse; RFC 6749 for logins)."""

    error_code: str | None = None
    message: str | None = None
    errors: list[_ErrorDetail] | None = None
    error: str | None = msgspec.field(default=None, name="error")
    error_description: str | None = msgspec.field(default=None, name="error_description")

    @property
    def code(self) -> str | None:
        """The nested code, or else the one at the top, which may be only a name such as `InvalidParameter`."""
        return next((detail.error_code for detail in self.errors or () if detail.error_code), self.error_code)

    @property
    def parameter(self) -> str | None:
        return next((detail.parameter_name for detail in self.errors or () if detail.parameter_name), None)

    @property
    def summary(self) -> str:
        """Codes and text in one line, without anything that could be a phone number."""
        text = self.message or self.error_description
        said = " ".join(part for part in (self.error, self.code, f"«{text}»" if text else None) if part)
        return redact(said)


class Transport:
    """One `requests` session to one server. Usable from several threads.

    TLS is verified and no redirect is followed.

    :param server: scheme, host and port.
    :param quota: lets each request leave in its turn.
    :param sleep: waits the given seconds between tries.
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
        """Seconds in which requests waited for quota, however many at once."""
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Leave the connections to the process before."""
        self._counting = threading.Lock()
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"airflow-provider-hvsms/{__version__}"
        self._session.headers["Accept"] = "application/json"
        self._session.mount(self._server, HTTPAdapter(pool_maxsize=_POOL_SIZE))

    def exchange(self, request: Request, accept: Callable[[Answer], ResultT]) -> ResultT:
        """Send a request until an answer can be accepted, at most `limits.tries` times.

        Repeated are lost connections, time-outs, 5xx, 429 (after its penalty) and bodies that are not the service's
        JSON; between tries the pause doubles from 2 s to 60 s, and is never shorter than `Retry-After`.

        :param accept: turns an answer below 500 that is neither 429 nor a redirect into the result, or raises.
        """
        result: ResultT = self._retrying()(self._attempt, request, accept)
        return result

    def send_if_free(self, request: Request) -> None:
        """Send once, without waiting for quota: if there is none this moment, not at all."""
        if self._quota.has_room(request.group):
            self._send(request)

    @property
    def seconds_a_request(self) -> float:
        """How long an answer took in the mean, without waiting for quota; 0 before the first."""
        return self._seconds / self.requests if self.requests else 0.0

    def requests_in_the_time_of_one(self, group: UsageGroup) -> float:
        """How many requests the quota allows while one is under way; infinity while no limit is known."""
        return self._quota.rate(group) * self.seconds_a_request

    def open(self) -> None:
        """Let requests leave again after `close`."""
        self._closed = False

    def close(self) -> None:
        """Close the connections, and let no further request leave, not even one that waits for quota already."""
        self._closed = True
        self._session.close()

    def _attempt(self, request: Request, accept: Callable[[Answer], ResultT]) -> ResultT:
        answer = self._send(request)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise QuotaExceeded(
                f"{request}: the service answered {answer}. Other programs use the quota of this user and app too. "
                f"A penalty is on until {self._quota.penalty_ends_at(request.group):%H:%M:%S} UTC."
            )
        _raise_for_passing(request, answer)
        try:
            return accept(answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnexpectedAnswer(
                f"{request}: the answer is not what the service sends: {answer}: {error}. "
                "A proxy may have answered in its place, or the connection was cut."
            ) from error

    def _send(self, request: Request) -> Answer:
        with self._quota.permit(request.group, max_wait=self._limits.quota) as turn:
            if self._closed:
                raise InvalidRequest(f"{request}: the client was closed before it was sent.")
            self._count(turn)
            try:
                response = self._session.request(
                    request.method,
                    self._server + request.path,
                    params=request.parameters,
                    data=request.form,
                    auth=request.auth,
                    timeout=(self._limits.connect, self._limits.read),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                # The chain would show the address, whose query may hold phone numbers, in the task's log.
                raise ServiceUnavailable(
                    f"{request}: no whole answer from {self._server}: {_reason(error)}. If it stays so, check the "
                    "connection's host and port, and that this machine may reach them."
                ) from None
            turn.answered(response.status_code, response.headers)
        with self._counting:
            self._seconds += (turn.answered_at or turn.sent_at) - turn.sent_at
        return Answer(response.status_code, response.headers, response.content)

    def _count(self, turn: Permit) -> None:
        with self._counting:
            self.requests += 1
            self.waited += max(0.0, turn.sent_at - max(self._waited_until, turn.sent_at - turn.waited))
            self._waited_until = max(self._waited_until, turn.sent_at)

    def _retrying(self) -> tenacity.Retrying:
        def tell(state: tenacity.RetryCallState) -> None:
            pause = state.next_action.sleep if state.next_action else 0.0
            log.warning("Try %d of %d: %s Next in %.0f s.", state.attempt_number, self._limits.tries,
                        state.outcome and state.outcome.exception(), pause)  # fmt: skip

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((ServiceUnavailable, UnexpectedAnswer, QuotaExceeded)),
            stop=tenacity.stop_after_attempt(self._limits.tries),
            wait=_pause,
            sleep=self._sleep,
            before_sleep=tell,
            reraise=True,
        )


def redact(text: str) -> str:
    """Text from outside without anything that could be a phone number."""
    return _PHONE_NUMBER.sub("***", text)


def raise_for_refusal(request: Request, answer: Answer) -> None:
    """Raise the error that an answer to a read stands for, unless it is a success."""
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    raise_unless_from_service(request, answer)
    said = f"{request}: the service answered {answer}."
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise SessionEnded(said)
    if answer.status == HTTPStatus.FORBIDDEN:
        raise PermissionDenied(
            f"{said} Give the app the permission A2PSMS, and the user a role that may read High Volume SMS."
        )
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotFound(f"{said} Check the id, and account_id in the connection's extra.")
    blames_none = answer.error.parameter is None and answer.error.code in ("CMN-101", "InvalidParameter")
    if answer.error.parameter == "pageToken" or (blames_none and "pageToken" in request.parameters):
        raise PageTokenExpired(f"{said} The page token is no longer valid.")
    raise InvalidRequest(f"{said} Mend the parameter that it names.")


def raise_unless_from_service(request: Request, answer: Answer) -> None:
    """Raise for a refusal without an error code: a proxy or firewall sent it, so it says nothing of the request."""
    if answer.error.code is None and not (answer.error.error and answer.error.error_description):
        raise UnexpectedAnswer(
            f"{request}: {answer} came back, without the service's JSON: a proxy or firewall on the way has refused "
            "the request. Check the way from this machine to the connection's host."
        )


def _raise_for_passing(request: Request, answer: Answer) -> None:
    said = f"{request}: the service answered {answer}."
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.REQUEST_TIMEOUT:
        raise ServiceUnavailable(said, retry_after(answer.headers))
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        target = urlsplit(answer.headers.get("Location", ""))
        raise UnexpectedAnswer(
            f"{said} It points to {target.netloc or 'nowhere'}, which is not followed: "
            "check the host of the connection, and proxies on the way."
        )


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, QuotaExceeded):
        return 0.0  # the quota holds the next try back until the penalty is over
    backoff = min(_MAX_PAUSE, 2.0**state.attempt_number)
    asked = error.retry_after if isinstance(error, ServiceUnavailable) else None
    return max(backoff, asked or 0.0)


def _reason(error: requests.RequestException) -> str:
    """The innermost cause, without the address and its query, which may hold phone numbers."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(error).__name__}, {type(cause).__name__}: {redact(str(cause))}"


class _QueriesHidden(logging.Filter):
    """Takes the queries, which may hold phone numbers, off the message store's lines that urllib3 logs at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_without_query, record.args))
        return True


def _without_query(value: object) -> object:
    return value.partition("?")[0] if isinstance(value, str) and "/a2p-sms/" in value else value


logging.getLogger("urllib3.connectionpool").addFilter(_QueriesHidden())
