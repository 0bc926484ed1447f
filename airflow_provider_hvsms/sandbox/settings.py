"""What a sandbox is told at its start."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from airflow_provider_hvsms.sandbox.fate import MAX_SETTLING

LastPage = Literal["omit", "empty-token", "no-paging"]

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PASSWORD_GRANT = "password"  # noqa: S105 - the name of a grant
REFRESH_GRANT = "refresh_token"
ALL_GRANTS = frozenset({JWT_GRANT, PASSWORD_GRANT, REFRESH_GRANT})

GROUP_HEADER = "X-Rate-Limit-Group"
LIMIT_HEADER = "X-Rate-Limit-Limit"
REMAINING_HEADER = "X-Rate-Limit-Remaining"
WINDOW_HEADER = "X-Rate-Limit-Window"
RETRY_HEADER = "Retry-After"
ALL_RATE_HEADERS = frozenset({GROUP_HEADER, LIMIT_HEADER, REMAINING_HEADER, WINDOW_HEADER, RETRY_HEADER})

SANDBOX_JWT = ".".join(
    urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (
        b'{"kid":"hvsms-sandbox","typ":"JWT","alg":"RS256"}',
        b'{"sub":"400100201","iss":"http://127.0.0.1","exp":4102444800,"jti":"sandbox"}',
        b"this signature is checked by nobody but the sandbox",
    )
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that shapes a sandbox. Durations are seconds unless their name says otherwise.

    :param messages: messages in the history.
    :param days: length of the history in days.
    :param seed: the same seed gives the same history, relative to ``end``.
    :param end: end of the history (exclusive, aware); ``None``: the last UTC midnight by which all messages have
        settled at the start.
    :param written_ahead: messages are written once at the start instead of for each page; for measurements.
    :param opt_outs: opt-out records.
    :param live_batches: batches that start together with the server and make progress over some minutes.
    :param port: port on 127.0.0.1; 0 takes a free one.
    :param latency: time that every answer is held back.
    :param light: reads that are allowed in a window.
    :param auth: token requests that are allowed in a window.
    :param window: length of the sliding window.
    :param penalty: how long a client is kept out after it went past a limit.
    :param rate_headers: which quota headers are sent, ``Retry-After`` among them.
    :param token_ttl: life of an access token, unless the login asks for 600 to 3600.
    :param refresh_token_ttl: life of a refresh token, unless the login asks for less.
    :param max_sessions: sessions per user and app; one login more ends the oldest.
    :param page_token_ttl: life of a page token; ``None``: for ever.
    :param grants: OAuth grants that the app may use.
    :param permission: whether the app has the A2PSMS permission.
    :param last_page: how the last page shows itself: no ``nextPageToken``, an empty one, or no ``paging``.
    :param page_shift: how many messages of a page come again on the next one, as when so many arrive at the head of the
        list between two pages; below zero: how many are on neither, as when so many leave it.
    :param named_errors: errors have a name such as `InvalidParameter` at the top, and their code nested, as other
        resources of the service have them.
    :param gzip: answers are compressed for clients that accept it.
    :param legacy_names: the single read answers ``createdAt`` and ``lastUpdatedAt``.
    :param legacy_statuses: statuses are answered in the older shape, without costs.
    """

    messages: int = 10_000
    days: int = 7
    seed: int = 1
    end: datetime | None = None
    written_ahead: bool = False
    opt_outs: int = 300
    live_batches: int = 0
    port: int = 0
    latency: float = 0.0
    light: int = 50
    auth: int = 5
    window: float = 60.0
    penalty: float = 60.0
    rate_headers: frozenset[str] = ALL_RATE_HEADERS
    token_ttl: int = 3600
    refresh_token_ttl: int = 604_800
    max_sessions: int = 5
    page_token_ttl: float | None = None
    grants: frozenset[str] = ALL_GRANTS
    permission: bool = True
    last_page: LastPage = "omit"
    page_shift: int = 0
    named_errors: bool = False
    gzip: bool = True
    legacy_names: bool = False
    legacy_statuses: bool = False
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - known to everybody
    jwt: str = SANDBOX_JWT
    username: str = "+15550100000"
    extension: str = "101"
    password: str = "sandbox-password"  # noqa: S105 - known to everybody
    account_id: str = "400100200"
    owner_id: str = "400100201"

    def __post_init__(self) -> None:
        """Refuse values that make no sense, saying which."""
        self._check_numbers()
        self._check_choices()

    def _check_numbers(self) -> None:
        for name in ("messages", "opt_outs", "live_batches", "latency", "penalty"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        for name in ("days", "light", "auth", "window", "token_ttl", "refresh_token_ttl", "max_sessions"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above zero")
        if not 0 <= self.port <= 65_535:
            raise ValueError("port must lie between 0 and 65535")
        if self.page_token_ttl is not None and self.page_token_ttl <= 0:
            raise ValueError("page_token_ttl must be above zero")

    def _check_choices(self) -> None:
        if self.end is not None and self.end.tzinfo is None:
            raise ValueError("end must have a time zone")
        if unknown := self.rate_headers - ALL_RATE_HEADERS:
            raise ValueError(f"rate_headers knows nothing of {', '.join(sorted(unknown))}")
        if unknown := self.grants - ALL_GRANTS:
            raise ValueError(f"grants knows nothing of {', '.join(sorted(unknown))}")
        if self.last_page not in ("omit", "empty-token", "no-paging"):
            raise ValueError("last_page must be omit, empty-token or no-paging")

    def airflow_connection(self, url: str) -> dict[str, Any]:
        """Return the Airflow connection, as JSON has it, to the sandbox at an address."""
        return {
            "conn_type": "hvsms",
            "host": url,
            "login": self.client_id,
            "password": self.client_secret,
            "extra": {"jwt_token": self.jwt},
        }

    def settled(self, now: float) -> Settings:
        """Return these settings with ``end`` filled in, as seen at ``now`` (epoch seconds)."""
        if self.end is not None:
            return self
        newest = datetime.fromtimestamp(now, UTC) - MAX_SETTLING
        return replace(self, end=newest.replace(hour=0, minute=0, second=0, microsecond=0))
