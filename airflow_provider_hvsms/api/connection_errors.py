"""Which error a failure of the connection stands for."""

from __future__ import annotations

import requests
from urllib3.exceptions import NewConnectionError

from airflow_provider_hvsms.api.errors import ServerUnreachable, ServiceUnavailable
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.api.request import Request


def connection_error(request: Request, server: str, error: requests.RequestException) -> ServiceUnavailable:
    """`ServerUnreachable` if the request cannot have left this machine, or else `ServiceUnavailable`."""
    kind = ServerUnreachable if _is_unreachable(error) else ServiceUnavailable
    return kind(
        f"{request}: no complete response from {server}: {_cause(error)}. If this persists, check the connection's "
        "host and port, and that this machine can reach them."
    )


def _is_unreachable(error: requests.RequestException) -> bool:
    """Judge by the error itself: what it was raised in the course of may be an earlier request's error."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(getattr(reason, "original_error", reason), NewConnectionError)  # a proxy's error wraps it


def _cause(error: requests.RequestException) -> str:
    """The innermost cause, without the address and its query, which may hold phone numbers."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(error).__name__}, {type(cause).__name__}: {redact(str(cause))}"
