"""One response of the service, and the error body that it may have."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import msgspec

from airflow_provider_hvsms.api.redaction import redact


@dataclasses.dataclass(frozen=True)
class Response:
    """One response, read to its end. Its text shows status, error code and request id, and no phone number."""

    status: int
    headers: Mapping[str, str]
    body: bytes = dataclasses.field(repr=False)

    @property
    def error(self) -> ErrorBody:
        """The service's error body; an empty one if the body is anything else."""
        try:
            return msgspec.json.decode(self.body, type=ErrorBody)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ErrorBody()

    def __str__(self) -> str:
        content_type = self.headers.get("Content-Type", "no content type").partition(";")[0]
        request_id = self.headers.get("RCRequestId", "none")
        content = self.error.summary or f"{content_type}, {len(self.body)} bytes"
        return f"{self.status} ({content}; request id {request_id})"


class _ErrorDetail(msgspec.Struct, rename="camel"):
    error_code: str | None = None
    parameter_name: str | None = None


class ErrorBody(msgspec.Struct, rename="camel"):
    """The service's error body (RingCentral: ASGErrorResponse; RFC 6749 for logins)."""

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
        """The parameter that the service objects to, if it names one."""
        return next((detail.parameter_name for detail in self.errors or () if detail.parameter_name), None)

    @property
    def summary(self) -> str:
        """Codes and message in one line, redacted."""
        text = self.message or self.error_description
        return redact(" ".join(part for part in (self.error, self.code, f"«{text}»" if text else None) if part))
