"""HTTP responses, and the bodies of errors as the service writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from airflow_provider_hvsms.sandbox.data.records import to_json

JSON = "application/json;charset=utf-8"

Sent = Literal["whole", "half", "nothing"]
"""How much of a response is sent before the connection is closed; ``whole`` keeps it open."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response; the server adds ``Content-Length`` and ``RCRequestId``."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON
    sent: Sent = "whole"

    @classmethod
    def of_json(cls, value: Any, status: int = 200) -> Response:
        """Return a response whose body is ``value`` as JSON."""
        return cls.of_text(to_json(value), status)

    @classmethod
    def of_text(cls, text: str, status: int = 200) -> Response:
        """Return a response whose body is ``text``, which is JSON."""
        return cls(status, text.encode("utf-8", "surrogatepass"))

    @property
    def sent_status(self) -> int:
        """The status that the client sees; 0: the connection is closed without a response."""
        return 0 if self.sent == "nothing" else self.status

    def with_headers(self, headers: Iterable[tuple[str, str]]) -> Response:
        """Return this response with more headers."""
        return replace(self, headers=(*self.headers, *headers))


class HttpError(Exception):
    """Ends the handling of a request with an error response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def error_response(status: int, code: str, message: str, parameter: str | None = None) -> Response:
    """Return an error in the service's form."""
    return _of_entries(status, [_entry(code, message, parameter)])


def invalid_parameters(names: Iterable[str]) -> Response:
    """Return 400 for parameters with invalid values."""
    return _of_entries(400, [_entry("CMN-101", f"Parameter [{name}] value is invalid.", name) for name in names])


def not_found(parameter: str) -> Response:
    """Return 404 for a resource that a path parameter names."""
    return error_response(404, "CMN-102", f"Resource for parameter [{parameter}] is not found.", parameter)


def unknown_path() -> Response:
    """Return 404 for a path that does not exist."""
    return error_response(404, "CMN-102", "Resource is not found.")


def method_not_allowed(allowed: str) -> Response:
    """Return 405."""
    return error_response(405, "CMN-405", "Method not allowed").with_headers([("Allow", allowed)])


def invalid_token(code: str, message: str) -> Response:
    """Return 401 for a token."""
    challenge = 'Bearer realm="RingCentral REST API"'
    return error_response(401, code, message).with_headers([("WWW-Authenticate", challenge)])


def missing_permission() -> Response:
    """Return 403 for an app that may not use the message store."""
    message = "In order to call this API endpoint, application needs to have [A2PSMS] permission"
    return _of_entries(403, [{**_entry("CMN-401", message, None), "permissionName": "A2PSMS"}])


def too_many_requests() -> Response:
    """Return 429."""
    return error_response(429, "CMN-301", "Request rate exceeded")


def oauth_error(status: int, name: str, code: str, description: str) -> Response:
    """Return an error of the OAuth endpoints."""
    body = {"error": name, "error_description": description, "errors": [_entry(code, description, None)]}
    return Response.of_json(body, status)


_ERROR_NAMES = {
    "CMN-101": "InvalidParameter",
    "CMN-401": "InsufficientPermissions",
    "OAU-128": "TokenInvalid",
    "OAU-129": "TokenInvalid",
    "OAU-149": "TokenInvalid",
}
"""The names that other resources of the service have at the top of an error, by the nested code."""


def with_error_name(response: Response) -> Response:
    """Return an error with a name instead of a code at the top, if there is one; other responses unchanged."""
    if response.status < 400 or response.content_type != JSON:
        return response
    content = json.loads(response.body)
    name = _ERROR_NAMES.get(content.get("errorCode"))
    if name is None:
        return response
    return Response.of_json({**content, "errorCode": name}, response.status).with_headers(response.headers)


def _of_entries(status: int, entries: list[dict[str, str]]) -> Response:
    """Return an error with one or several entries; the first is repeated at the top."""
    first = entries[0]
    body = {"errorCode": first["errorCode"], "message": first["message"], "errors": entries}
    return Response.of_json(body, status)


def _entry(code: str, message: str, parameter: str | None) -> dict[str, str]:
    entry = {"errorCode": code, "message": message}
    return entry if parameter is None else {**entry, "parameterName": parameter}
