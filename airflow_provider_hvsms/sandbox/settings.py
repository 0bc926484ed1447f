"""The settings of a sandbox."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

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
        b"only the sandbox accepts this signature",
    )
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a sandbox holds and how it behaves; durations are seconds.

    Usage::

        Settings(messages=50_000, days=30, light=600, page_token_ttl=30)

    :param messages: messages in the history.
    :param days: length of the history in days.
    :param seed: the same seed gives the same history, relative to ``end``.
    :param end: end of the history (exclusive, aware); ``None``: the last UTC midnight before which all messages have
        settled when the sandbox starts.
    :param bad_day: a day of the history on which the carrier blocks another 25 % of the outgoing messages as spam: 1 is
        the last day, 2 the one before it; 0: none.
    :param prerendered: whether the JSON of the history is written once at the start instead of for each page, so that
        a benchmark does not measure the sandbox.
    :param opt_outs: number of opt-outs.
    :param live_batches: batches that start with the server and complete within minutes.
    :param sending_time: how long a batch that a client sends takes until it is complete.
    :param listing_delay: how long a batch that a client sends, and its messages, are missing from all reads.
    :param port: port on 127.0.0.1; 0 selects a free one.
    :param latency: delay of every response.
    :param light: requests to the message store that are allowed in a quota window.
    :param auth: OAuth requests that are allowed in a quota window.
    :param window: length of the sliding quota window.
    :param penalty: how long a client is refused after it exceeds a limit.
    :param rate_headers: which quota headers are sent, ``Retry-After`` included.
    :param token_ttl: lifetime of an access token, unless the login asks for 600 to 3600.
    :param refresh_token_ttl: lifetime of a refresh token, unless the login asks for less.
    :param max_sessions: sessions per user and app; one login more ends the oldest.
    :param page_token_ttl: lifetime of a page token; ``None``: it does not expire.
    :param grants: OAuth grant types that the app may use.
    :param permission: whether the app has the A2PSMS permission.
    :param last_page: form of the last page: no ``nextPageToken``, an empty one, or no ``paging``.
    :param page_shift: how many messages of a page are repeated on the next one, as when new messages arrive between two
        requests; negative: how many are missing from both.
    :param named_errors: whether errors have a name such as ``InvalidParameter`` at the top and their code nested, as on
        other resources of the service.
    :param gzip: whether responses are compressed for clients that accept it.
    :param legacy_names: whether a single message has ``createdAt`` and ``lastUpdatedAt``.
    :param legacy_statuses: whether statuses have the older shape, without costs.
    :raises ValueError: for a value that is out of range; the message names it.
    """

    messages: int = 10_000
    days: int = 7
    seed: int = 1
    end: datetime | None = None
    bad_day: int = 0
    prerendered: bool = False
    opt_outs: int = 300
    live_batches: int = 0
    sending_time: float = 20.0
    listing_delay: float = 0.0
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
    client_secret: str = "sandbox-secret"  # noqa: S105 - public
    jwt: str = SANDBOX_JWT
    username: str = "+15550100000"
    extension: str = "101"
    password: str = "sandbox-password"  # noqa: S105 - public
    account_id: str = "400100200"
    owner_id: str = "400100201"

    def __post_init__(self) -> None:
        """Check the values."""
        self._check_numbers()
        self._check_choices()

    def _check_numbers(self) -> None:
        for name in (
            *("messages", "bad_day", "opt_outs", "live_batches"),
            *("sending_time", "listing_delay", "latency", "penalty"),
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        for name in ("days", "light", "auth", "window", "token_ttl", "refresh_token_ttl", "max_sessions"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above zero")
        if not 0 <= self.port <= 65_535:
            raise ValueError("port must be between 0 and 65535")
        if self.page_token_ttl is not None and self.page_token_ttl <= 0:
            raise ValueError("page_token_ttl must be above zero")

    def _check_choices(self) -> None:
        if self.end is not None and self.end.tzinfo is None:
            raise ValueError("end must have a time zone")
        if unknown := self.rate_headers - ALL_RATE_HEADERS:
            raise ValueError(f"rate_headers has unknown headers: {', '.join(sorted(unknown))}")
        if unknown := self.grants - ALL_GRANTS:
            raise ValueError(f"grants has unknown grant types: {', '.join(sorted(unknown))}")
        if self.last_page not in ("omit", "empty-token", "no-paging"):
            raise ValueError("last_page must be omit, empty-token or no-paging")

    def airflow_connection(self, url: str) -> dict[str, Any]:
        """Return the Airflow connection to a sandbox at ``url``, in Airflow's JSON format."""
        return {
            "conn_type": "hvsms",
            "host": url,
            "login": self.client_id,
            "password": self.client_secret,
            "extra": {"jwt_token": self.jwt},
        }
