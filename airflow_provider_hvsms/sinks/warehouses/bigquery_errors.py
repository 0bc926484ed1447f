"""The errors of BigQuery's client: which would occur again, and what they say."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

from requests.exceptions import RequestException

from airflow_provider_hvsms.api.redaction import redact

_SERVER_ERROR = 500
_TRANSIENT_CODES = (408, 429)
_TRANSIENT_REASONS = frozenset(
    {
        "backendError",
        "badGateway",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
        "quotaExceeded",
        "rateLimitExceeded",
        "stopped",
        "tableUnavailable",
        "timeout",
    }
)


class ClientErrors:
    """The classes of errors that the client raises. Its package is imported when it is used: it is optional."""

    def __init__(self) -> None:
        api: Any = importlib.import_module("google.api_core.exceptions")
        auth: Any = importlib.import_module("google.auth.exceptions")
        self.all: tuple[type[Exception], ...] = (api.GoogleAPIError, auth.GoogleAuthError, RequestException)
        self.conflict: type[Exception] = api.Conflict
        self.forbidden: type[Exception] = api.Forbidden
        self.not_found: type[Exception] = api.NotFound
        self._response: type[Exception] = api.GoogleAPICallError
        self._login: type[Exception] = auth.GoogleAuthError
        self._no_connection: type[Exception] = auth.TransportError

    def is_permanent(self, error: Exception) -> bool:
        """Whether BigQuery would refuse the same request again."""
        if isinstance(error, self._login):
            return not isinstance(error, self._no_connection) and not getattr(error, "retryable", False)
        is_transient = _details(error).get("reason") in _TRANSIENT_REASONS or is_conflict(error)
        return self.is_refusal(error) and not is_transient

    def is_refusal(self, error: Exception) -> bool:
        """Whether BigQuery answered that it does not do what was asked; else, it is not known whether it does."""
        code = getattr(error, "code", None)
        if not isinstance(error, self._response) or code is None:
            return False
        return bool(code < _SERVER_ERROR and code not in _TRANSIENT_CODES)


def is_conflict(error: Exception) -> bool:
    """Whether a transaction met another one of the same table."""
    return bool(_CONFLICT.search(str(error)))


_CONFLICT = re.compile("concurrent update|could not serialize|too many dml statements outstanding", re.IGNORECASE)


def describe(error: Exception) -> str:
    """The error in one line, without a full stop."""
    error = getattr(error, "cause", None) or error  # of the client's own retries
    details = _details(error)
    message = details.get("message") or getattr(error, "message", None) or str(error)
    reason = f" ({details['reason']})" if details.get("reason") else ""
    # Further lines may hold a whole row.
    return f"{type(error).__name__}{reason}: {redact(message.strip().partition(_NEWLINE)[0])}".removesuffix(".")


_NEWLINE = "\n"


def _details(error: Exception) -> Mapping[str, str]:
    """The first error of a response or a job; empty if there is none, as after a lost connection."""
    first = next(iter(getattr(error, "errors", ())), None)
    return first if isinstance(first, Mapping) else {}
