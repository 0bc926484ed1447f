"""Which error an HTTP status, and the service's error code beside it, stand for."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    NotFound,
    PageTokenExpired,
    PermissionDenied,
    ServiceUnavailable,
    SessionEnded,
    UnexpectedResponse,
)
from airflow_provider_hvsms.api.headers import retry_after
from airflow_provider_hvsms.api.request import Request
from airflow_provider_hvsms.api.response import Response


def raise_for_transient(request: Request, response: Response) -> None:
    """Raise for a failure of the service (408, 5xx) and for a redirect, whatever was requested."""
    summary = _summary(request, response)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.REQUEST_TIMEOUT:
        raise ServiceUnavailable(summary, retry_after(response.headers))
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        target = urlsplit(response.headers.get("Location", "")).netloc or "no host"
        raise UnexpectedResponse(
            f"{summary} It redirects to {target}, and redirects are not followed. Check the connection's host, and "
            "the proxies between this machine and it."
        )


def raise_for_refusal(request: Request, response: Response) -> None:
    """Raise the error that the response to a read stands for, unless it is a success."""
    if response.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    raise_unless_from_service(request, response)
    summary = _summary(request, response)
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise SessionEnded(summary)
    if response.status == HTTPStatus.FORBIDDEN:
        raise PermissionDenied(
            f"{summary} Give the app the permission A2PSMS, and the user a role that may read High Volume SMS."
        )
    if response.status == HTTPStatus.NOT_FOUND:
        raise NotFound(f"{summary} Check the id in the request, and account_id in the connection's extra.")
    if _is_about_page_token(request, response):
        raise PageTokenExpired(f"{summary} The page token is no longer valid.")
    raise InvalidRequest(f"{summary} Correct the parameter that the response names.")


def raise_unless_from_service(request: Request, response: Response) -> None:
    """Raise for a refusal without an error code: a proxy or firewall sent it, so it is not about the request."""
    error = response.error
    if error.code is None and not (error.error and error.error_description):
        raise UnexpectedResponse(
            f"{request}: {response} came back, which is not the service's JSON: a proxy or firewall refused the "
            "request. Let this machine reach the connection's host."
        )


def _is_about_page_token(request: Request, response: Response) -> bool:
    error = response.error
    names_no_parameter = error.parameter is None and error.code in ("CMN-101", "InvalidParameter")
    return error.parameter == "pageToken" or (names_no_parameter and "pageToken" in request.parameters)


def _summary(request: Request, response: Response) -> str:
    return f"{request}: the service answered {response}."
