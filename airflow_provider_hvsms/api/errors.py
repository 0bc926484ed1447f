"""What can go wrong between a caller and the message store, as one small tree.

Two branches say what a caller should do: a `FinalError` comes back however often the call is repeated, a
`PassingError` may be gone in a minute. Every message names what was asked, what came back and what to do; none
holds a credential, a phone number or a text.
"""

from __future__ import annotations


class HvsmsError(Exception):
    """Anything that this package raises on purpose."""


class FinalError(HvsmsError):
    """Repeating the call cannot help: somebody has to change something first."""


class InvalidSettings(FinalError):
    """The connection lacks a field, or holds one that cannot be used."""


class LoginRefused(FinalError):
    """The service does not accept the client, the JWT or the user's password."""


class PermissionDenied(FinalError):
    """The app or the user may not read the message store (403)."""


class InvalidRequest(FinalError, ValueError):
    """A parameter is not acceptable: found before the request, or answered with 400."""


class NotFound(FinalError):
    """There is no such resource (404)."""


class InvalidRecord(FinalError):
    """A record came back that does not have the documented shape."""


class PassingError(HvsmsError):
    """Trouble that time may cure, left over after the retries made here."""


class ServiceUnavailable(PassingError):
    """The connection was lost or timed out, or the service answered 5xx.

    :param retry_after: seconds that the service asked to wait before the next try, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConnectionUnavailable(PassingError):
    """Airflow could not give the connection: it is missing, or what holds it did not answer."""


class QuotaExceeded(PassingError):
    """The service answered 429 for longer than was to be waited."""


class PageTokenExpired(PassingError):
    """The service no longer knows a page token that it gave (400): the listing has to start again."""


class SessionEnded(PassingError):
    """A new token was refused at once (401): other logins of the same user and app end this one's session."""


class UnexpectedAnswer(PassingError):
    """Something other than the service's JSON came back: HTML, cut-off JSON, a redirect, a repeated page token."""
