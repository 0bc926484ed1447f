"""The errors of this package.

Every error that it raises on purpose is in this tree::

    HvsmsError
    ├── PermanentError
    │   ├── InvalidSettings
    │   ├── LoginRefused
    │   ├── PermissionDenied
    │   ├── InvalidRequest
    │   ├── NotFound
    │   ├── InvalidRecord
    │   ├── MissingPackage
    │   ├── TableMismatch
    │   ├── ValueDoesNotFit
    │   ├── UnsuitableDatabase
    │   ├── LoadRefused
    │   ├── UnusableFolder
    │   └── SendingRefused
    ├── TransientError
    │   ├── ConnectionUnavailable
    │   ├── TokenStoreUnavailable
    │   ├── ServiceUnavailable
    │   │   └── ServerUnreachable
    │   ├── UnexpectedResponse
    │   ├── QuotaExceeded
    │   ├── SessionEnded
    │   ├── PageTokenExpired
    │   ├── TotalsDiffer
    │   ├── LoadFailed
    │   ├── FolderUnavailable
    │   ├── LoadSuperseded
    │   ├── CheckFailed
    │   ├── LedgerUnavailable
    │   ├── LedgerConflict
    │   ├── ClockDiffers
    │   └── BatchesPending
    ├── CommitUnknown
    └── OutcomeUnknown

The two branches say whether to repeat a call: a `PermanentError` occurs again until something is changed, a
`TransientError` may be gone in a minute. Each message says what was asked, what came back and what to do. No message
contains a credential, a phone number or the text of a message.
"""

from __future__ import annotations

from datetime import datetime


class HvsmsError(Exception):
    """The base of all errors of this package."""


class PermanentError(HvsmsError):
    """The same call fails again until the settings, the request, the data or a permission is changed."""


class InvalidSettings(PermanentError):
    """A field of the connection is missing, or its value cannot be used."""


class LoginRefused(PermanentError):
    """The service rejects the client id or secret, the JWT, or the user's password."""


class PermissionDenied(PermanentError):
    """The app or the user may not read the message store (403)."""


class InvalidRequest(PermanentError, ValueError):
    """An argument is not acceptable: found before the request is sent, or answered with 400."""


class NotFound(PermanentError):
    """The message, batch or account does not exist (404)."""


class InvalidRecord(PermanentError):
    """A record does not have the documented shape."""


class MissingPackage(PermanentError):
    """An optional package is needed and not installed."""


class TableMismatch(PermanentError):
    """The target table exists with other columns or another key, or its name is not valid."""


class ValueDoesNotFit(PermanentError):
    """A value is too large for the type of its column."""


class UnsuitableDatabase(PermanentError):
    """The database lacks a property that a load relies on, such as unique keys that are enforced."""


class LoadRefused(PermanentError):
    """The database rejected a statement, and would reject it again."""


class UnusableFolder(PermanentError):
    """The folder cannot be written, listed or cleared until its path or a permission is changed."""


class SendingRefused(PermanentError):
    """Nothing is sent, as something may have been sent already: a person has to decide, or the recipients changed."""


class TransientError(HvsmsError):
    """The call may succeed later. The retries inside this package are used up."""


class ConnectionUnavailable(TransientError):
    """Airflow did not return the connection: it does not exist, or its secrets backend did not answer."""


class TokenStoreUnavailable(TransientError):
    """The token store cannot be read or written. The session is then not shared, and the read goes on."""


class ServiceUnavailable(TransientError):
    """The connection was lost or timed out, or the service answered 408 or 5xx.

    :param retry_after: seconds to wait before the next attempt, if the service named them.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerUnreachable(ServiceUnavailable):
    """No connection to the server could be opened, so that the request did not leave this machine."""


class UnexpectedResponse(TransientError):
    """The response is not the service's JSON: HTML, cut-off JSON, a redirect, or a page token that repeats."""


class QuotaExceeded(TransientError):
    """The quota has no room for the request within the time allowed, or the service answered 429 to every attempt."""


class SessionEnded(TransientError):
    """New tokens were refused as well (401): other logins of the same user and app end this session."""


class PageTokenExpired(TransientError):
    """The service no longer accepts a page token that it issued (400), even after the listing was restarted."""


class TotalsDiffer(TransientError):
    """More or fewer messages were read than the message store counts, so the load is refused."""


class LoadFailed(TransientError):
    """The database could not carry out a statement this time."""


class FolderUnavailable(TransientError):
    """The file system or object store did not answer, or answered with an error of its own."""


class LoadSuperseded(TransientError):
    """Another load of the same folder began later and published its files; the files of this load are discarded."""


class CheckFailed(TransientError):
    """Messages break a limit of a check. Statuses settle for hours, so a later check may pass."""


class LedgerUnavailable(TransientError):
    """The ledger of a campaign cannot be read or written at the moment."""


class LedgerConflict(TransientError):
    """Another try of the same task changed the ledger of a campaign at the same time."""


class ClockDiffers(TransientError):
    """This machine's clock is not the service's, so that what is sent now could not be found again."""


class BatchesPending(TransientError):
    """Batches that were sent are not completed within the time allowed."""


class CommitUnknown(HvsmsError):
    """A commit failed in a way that leaves open whether the database carried it out.

    It is in neither branch, as only the caller knows whether a repetition is safe. A load is idempotent, so it raises
    `LoadFailed` in its place.
    """


class OutcomeUnknown(HvsmsError):
    """A request that changes something was sent, and no answer says whether it was carried out.

    It is in neither branch, as a repetition may send every message a second time: look first. The time to look from is
    `sent_at`; a batch is found by its sender and size in the list of batches created since then.

    :param sent_at: when the request left this machine; aware, in UTC.
    """

    def __init__(self, message: str, sent_at: datetime) -> None:
        super().__init__(message)
        self.sent_at = sent_at
