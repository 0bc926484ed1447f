"""The application: routes a request, and runs its checks in the service's order."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from airflow_provider_hvsms.sandbox.data.store import Store
from airflow_provider_hvsms.sandbox.http.counters import Counters, LogEntry
from airflow_provider_hvsms.sandbox.http.endpoints import Endpoints
from airflow_provider_hvsms.sandbox.http.faults import FaultSchedule
from airflow_provider_hvsms.sandbox.http.oauth import OAuth
from airflow_provider_hvsms.sandbox.http.pagination import PageTokens
from airflow_provider_hvsms.sandbox.http.quota import Quota
from airflow_provider_hvsms.sandbox.http.request import Request
from airflow_provider_hvsms.sandbox.http.response import (
    HttpError,
    Response,
    error_response,
    method_not_allowed,
    missing_permission,
    not_found,
    too_many_requests,
    unknown_path,
    with_error_name,
)
from airflow_provider_hvsms.sandbox.settings import Settings

_PATH = re.compile(r"/restapi/v1\.0/account/([^/]+)/a2p-sms/(messages|batches|statuses|opt-outs)(?:/([^/]+))?")
_BULK_ASSIGN = "opt-outs", "bulk-assign"
_METHODS = {"batches": ("GET", "POST"), "bulk_assign": ("POST",)}
"""Allowed methods of the resources that can be changed."""
_OWN_ACCOUNT = "~"


class _Route(NamedTuple):
    """A resource of the message store; ``id`` is empty for a list."""

    name: str
    account: str
    id: str

    @property
    def is_paged(self) -> bool:
        return self.name in ("messages", "batches", "opt_outs")

    @property
    def methods(self) -> tuple[str, ...]:
        return _METHODS.get(self.name, ("GET",))


class Application:
    """Responds to every request of a sandbox.

    :param clock: seconds since the epoch; everything that depends on time uses it.
    :param sleep: waits for ``Settings.latency``.
    :param wait: waits for a number of real seconds, for ``Fault.slow``.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        wait: Callable[[float], object],
    ) -> None:
        self.counters = Counters()
        self.faults = FaultSchedule()
        self._settings = settings
        self._clock, self._sleep, self._wait = clock, sleep, wait
        self._quota = Quota("light", settings.light, settings.window, settings.penalty, clock)
        self._oauth = OAuth(settings, clock, self.counters)
        self._endpoints = Endpoints(store, settings, PageTokens(clock, settings.page_token_ttl))

    def respond(self, request: Request) -> Response:
        """Return the response to a request."""
        path = request.path
        if path.startswith("/sandbox/"):
            return self._respond_for_sandbox(request)
        if path in ("/restapi/oauth/token", "/restapi/oauth/revoke"):
            return self._respond_for_oauth(request)
        route = _find_route(path)
        return self._uncounted(unknown_path()) if route is None else self._respond_for_store(request, route)

    def _respond_for_store(self, request: Request, route: _Route) -> Response:
        self._delay()
        is_first_page = request.method == "GET" and route.is_paged and "pageToken=" not in request.query
        self.counters.count_request(request.method, route.name, is_first_page=is_first_page)
        if request.method in route.methods:
            response = self._check_token_and_quota(request, route)
        else:
            response = self._uncounted(method_not_allowed(", ".join(route.methods)))
        self.counters.count_response(response.sent_status)
        self.counters.log.append(LogEntry(request.method, request.target, self._clock(), response.sent_status))
        return response

    def _check_token_and_quota(self, request: Request, route: _Route) -> Response:
        try:
            user = self._oauth.authenticate(request.header("authorization"))
        except HttpError as error:
            return self._uncounted(error.response)
        decision = self._quota.admit(user)
        self.counters.count_decision(decision)
        if decision.is_admitted:
            response = self._with_faults(request, lambda listed_after: self._check_access(request, route, listed_after))
        else:
            response = too_many_requests()
        return response.with_headers(decision.headers(self._settings.rate_headers))

    def _check_access(self, request: Request, route: _Route, listed_after: float | None) -> Response:
        if not self._settings.permission:
            return missing_permission()
        if route.account not in (_OWN_ACCOUNT, self._settings.account_id):
            return not_found("accountId")
        try:
            if request.method == "POST":
                return self._change(request, route, listed_after)
            return self._read(request, route)
        except HttpError as error:
            return error.response

    def _change(self, request: Request, route: _Route, listed_after: float | None) -> Response:
        if route.name == "batches":
            return self._endpoints.send_batch(request, listed_after)
        return self._endpoints.assign_opt_outs(request)

    def _read(self, request: Request, route: _Route) -> Response:
        match route.name:
            case "messages":
                return self._endpoints.list_messages(request.query)
            case "message":
                return self._endpoints.get_message(route.id)
            case "batches":
                return self._endpoints.list_batches(request.query)
            case "batch":
                return self._endpoints.get_batch(route.id)
            case "statuses":
                return self._endpoints.get_statuses(request.query)
        if request.accepts_csv:
            return self._endpoints.list_opt_outs_as_csv(request.query)
        return self._endpoints.list_opt_outs(request.query)

    def _respond_for_oauth(self, request: Request) -> Response:
        self._delay()
        if request.method == "POST":
            response = self._with_faults(request, lambda _: self._call_oauth(request))
        else:
            response = self._oauth.uncounted(method_not_allowed("POST"))
        self.counters.count_response(response.sent_status)
        return response

    def _call_oauth(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        call = self._oauth.token if request.path.endswith("/token") else self._oauth.revoke
        return call(request.header("content-type"), request.header("authorization"), form)

    def _respond_for_sandbox(self, request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/sandbox/health":
                return Response.of_json({"status": "ok"})
            case "GET", "/sandbox/counters":
                return Response.of_json(self.counters.snapshot())
            case "POST", "/sandbox/batches":
                return self._endpoints.start_batch(request.body)
            case _, "/sandbox/health" | "/sandbox/counters" | "/sandbox/batches":
                return error_response(405, "CMN-405", "Method not allowed")
        return unknown_path()

    def _with_faults(self, request: Request, make: Callable[[float | None], Response]) -> Response:
        fault = self.faults.take(request.path, request.method)
        if fault is None:
            return self._with_error_name(make(None))
        return fault.respond(lambda: self._with_error_name(make(fault.listed_after)), self._wait)

    def _uncounted(self, response: Response) -> Response:
        """Return a response with the headers of the quota that its request was not counted in."""
        quota = self._quota.peek(self._oauth.user)
        return self._with_error_name(response).with_headers(quota.headers(self._settings.rate_headers))

    def _with_error_name(self, response: Response) -> Response:
        return with_error_name(response) if self._settings.named_errors else response

    def _delay(self) -> None:
        if self._settings.latency > 0:
            self._sleep(self._settings.latency)


def _find_route(path: str) -> _Route | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    account, resource, record_id = found.groups()
    if record_id is None:
        return _Route(resource.replace("-", "_"), unquote(account), "")
    if (resource, record_id) == _BULK_ASSIGN:
        return _Route("bulk_assign", unquote(account), "")
    singular = {"messages": "message", "batches": "batch"}
    return _Route(singular[resource], unquote(account), unquote(record_id)) if resource in singular else None
