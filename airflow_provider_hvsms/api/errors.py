"""What can go wrong between a caller and the message store, as one small tree.

Two branches say what a caller should do: a `PermanentError` comes back however often the call is repeated, a
`TransientError` may be gone in a minute. Every message names what was asked, what came back and what to do; none
holds a credential, a phone number or a text.
"""

from __future__ import annotations


class HvsmsError(Exception):
    """Anything that this package raises on purpose."""


class PermanentError(HvsmsError):
    """Repeating the call cannot help: somebody has to change something first."""


class InvalidSettings(PermanentError):
    """The connection lacks a field, or holds one that cannot be used."""


class LoginRefused(PermanentError):
    """The service does not accept the client, the JWT or the user's password."""


class PermissionDenied(PermanentError):
    """The app or the user may not read the message store (403)."""


class InvalidRequest(PermanentError, ValueError):
    """A parameter is not acceptable: found before the request, or answered with 400."""


class NotFound(PermanentError):
    """There is no such resource (404)."""


class InvalidRecord(PermanentError):
    """A record came back that does not have the documented shape."""


class MissingPackage(PermanentError):
    """Something optional is asked for that is not installed."""


class ValueDoesNotFit(PermanentError):
    """A value is too large for its column's type."""


class TableMismatch(PermanentError):
    """The target table exists, and is not one that these rows fit into; or its name cannot be a table's."""


class UnsuitableDatabase(PermanentError):
    """The database does not do what a load relies on."""


class LoadRefused(PermanentError):
    """The database refused a statement, and would again."""


class UnusableFolder(PermanentError):
    """The folder cannot be written to, listed or cleared: somebody has to change the path or a permission."""


class TransientError(HvsmsError):
    """Trouble that time may cure, left over after the retries made here."""


class ServiceUnavailable(TransientError):
    """The connection was lost or timed out, or the service answered 5xx.

    :param retry_after: seconds that the service asked to wait before the next try, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConnectionUnavailable(TransientError):
    """Airflow could not give the connection: it is missing, or what holds it did not answer."""


class QuotaExceeded(TransientError):
    """The service answered 429 for longer than was to be waited."""


class PageTokenExpired(TransientError):
    """The service no longer knows a page token that it gave (400): the listing has to start again."""


class SessionEnded(TransientError):
    """A new token was refused at once (401): other logins of the same user and app end this one's session."""


class UnexpectedAnswer(TransientError):
    """Something other than the service's JSON came back: HTML, cut-off JSON, a redirect, a repeated page token."""


class TokenStoreUnavailable(TransientError):
    """A store cannot be read or written. It never reaches the caller of a read: the session is then not shared."""


class LoadFailed(TransientError):
    """The database could not carry out a statement this time."""


class FolderUnavailable(TransientError):
    """The store did not answer, or not well."""


class LoadSuperseded(TransientError):
    """A load of the same folder that began later has published its files: this one's were not."""


class CommitUnknown(HvsmsError):
    """A commit failed so that it may have been carried out or not."""
