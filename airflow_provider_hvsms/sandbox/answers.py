"""HTTP answers, and the bodies of refusals."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from airflow_provider_hvsms.sandbox.rendering import dumps

JSON = "application/json;charset=utf-8"

Wire = Literal["whole", "half", "nothing"]
"""How much of an answer reaches the client before the connection is closed; ``whole`` keeps it open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; the server adds ``Content-Length`` and ``RCRequestId``."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON
    wire: Wire = "whole"

    def having(self, headers: Iterable[tuple[str, str]]) -> Answer:
        """Return this answer with more headers."""
        return replace(self, headers=(*self.headers, *headers))


class Refusal(Exception):
    """Ends the handling of a request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def of_json(value: Any, status: int = 200) -> Answer:
    """Return an answer whose body is ``value`` as JSON."""
    return Answer(status, dumps(value).encode("utf-8", "surrogatepass"))


def of_text(text: str) -> Answer:
    """Return an answer whose body is JSON that is already written."""
    return Answer(200, text.encode("utf-8", "surrogatepass"))


def error(status: int, code: str, message: str, parameter: str | None = None) -> Answer:
    """Return a refusal in the service's form."""
    return errors(status, [_entry(code, message, parameter)])


def errors(status: int, entries: list[dict[str, str]]) -> Answer:
    """Return a refusal that names several errors, the first of them twice."""
    first = entries[0]
    return of_json({"errorCode": first["errorCode"], "message": first["message"], "errors": entries}, status)


def invalid_parameters(names: list[str]) -> Answer:
    """Return 400 for parameters whose values are no good."""
    return errors(400, [_entry("CMN-101", f"Parameter [{name}] value is invalid.", name) for name in names])


def not_found(parameter: str) -> Answer:
    """Return 404 for what a path parameter names."""
    return error(404, "CMN-102", f"Resource for parameter [{parameter}] is not found.", parameter)


def no_such_path() -> Answer:
    """Return 404 for a path that there is not."""
    return error(404, "CMN-102", "Resource is not found.")


def wrong_method(allowed: str) -> Answer:
    """Return 405."""
    return error(405, "CMN-405", "Method not allowed").having([("Allow", allowed)])


def unauthorized(code: str, message: str) -> Answer:
    """Return 401 for a token."""
    return error(401, code, message).having([("WWW-Authenticate", 'Bearer realm="RingCentral REST API"')])


def no_permission() -> Answer:
    """Return 403 for an app that may not use the message store."""
    message = "In order to call this API endpoint, application needs to have [A2PSMS] permission"
    return errors(403, [{**_entry("CMN-401", message, None), "permissionName": "A2PSMS"}])


_NAMES = {
    "CMN-101": "InvalidParameter",
    "CMN-401": "InsufficientPermissions",
    "OAU-128": "TokenInvalid",
    "OAU-129": "TokenInvalid",
    "OAU-149": "TokenInvalid",
}
"""What stands at the top of an error on other resources of the service, by the nested code."""


def with_named_code(answer: Answer) -> Answer:
    """Return a refusal with a name for a code at its top, where the service has one; other answers as they are."""
    if answer.status < 400 or answer.content_type != JSON:
        return answer
    content = json.loads(answer.body)
    name = _NAMES.get(content.get("errorCode"))
    return answer if name is None else of_json({**content, "errorCode": name}, answer.status).having(answer.headers)


def too_many() -> Answer:
    """Return 429."""
    return error(429, "CMN-301", "Request rate exceeded")


def oauth_error(status: int, name: str, code: str, description: str) -> Answer:
    """Return a refusal of the OAuth endpoints."""
    body = {"error": name, "error_description": description, "errors": [_entry(code, description, None)]}
    return of_json(body, status)


def _entry(code: str, message: str, parameter: str | None) -> dict[str, str]:
    entry = {"errorCode": code, "message": message}
    return entry if parameter is None else {**entry, "parameterName": parameter}
