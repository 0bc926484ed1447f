"""Counts and a log of the requests that a sandbox received."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock
from typing import Any

from airflow_provider_hvsms.sandbox.http.quota import QuotaDecision
from airflow_provider_hvsms.sandbox.settings import REFRESH_GRANT

MAX_LOG_LENGTH = 10_000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A request to the message store.

    :param path: path and query.
    :param time: seconds since the epoch, by the sandbox's clock.
    :param status: 0 if the connection was closed without a response.
    """

    method: str
    path: str
    time: float
    status: int


class Counters:
    """Counts; read the attributes, or ``snapshot`` for all of them.

    :ivar requests: requests to the message store, by ``messages message batches batch statuses opt_outs
        bulk_assign``.
    :ivar methods: the same requests by method and resource, such as ``POST batches``.
    :ivar first_pages: those of them for the first page of a list, without a page token.
    :ivar logins: logins by OAuth grant type; a refresh counts in ``refreshes`` only.
    :ivar answers: responses by status, message store and OAuth together.
    :ivar inside_penalty: requests that restarted a penalty.
    :ivar dropped: connections that were closed without a response.
    :ivar ended_sessions: sessions that a new login ended because there were too many.
    :ivar max_in_quota_window: highest number of requests that one user and app sent in a quota window, refused
        ones included.
    :ivar log: the last 10,000 requests to the message store.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.requests: Counter[str] = Counter()
        self.methods: Counter[str] = Counter()
        self.first_pages: Counter[str] = Counter()
        self.logins: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.refreshes = 0
        self.revokes = 0
        self.failed_logins = 0
        self.inside_penalty = 0
        self.ended_sessions = 0
        self.dropped = 0
        self.max_in_quota_window = 0
        self.log: deque[LogEntry] = deque(maxlen=MAX_LOG_LENGTH)

    @property
    def reads(self) -> int:
        """All requests to the message store."""
        return sum(self.snapshot()["requests"].values())

    @property
    def refused(self) -> int:
        """Responses with status 429."""
        return self.answers[429]

    def snapshot(self) -> dict[str, Any]:
        """Return all counts, as ``GET /sandbox/counters`` does."""
        with self._lock:
            return {
                "requests": dict(self.requests),
                "methods": dict(self.methods),
                "first_pages": dict(self.first_pages),
                "logins": dict(self.logins),
                "refreshes": self.refreshes,
                "revokes": self.revokes,
                "failed_logins": self.failed_logins,
                "answers": {str(status): count for status, count in sorted(self.answers.items())},
                "refused": self.refused,
                "inside_penalty": self.inside_penalty,
                "ended_sessions": self.ended_sessions,
                "dropped": self.dropped,
                "max_in_quota_window": self.max_in_quota_window,
            }

    def count_request(self, method: str, name: str, *, is_first_page: bool) -> None:
        """Count a request to the message store."""
        with self._lock:
            self.requests[name] += 1
            self.methods[f"{method} {name}"] += 1
            if is_first_page:
                self.first_pages[name] += 1

    def count_decision(self, decision: QuotaDecision, *, is_oauth: bool = False) -> None:
        """Count a decision of the quota."""
        with self._lock:
            self.inside_penalty += decision.inside_penalty
            if not is_oauth:
                self.max_in_quota_window = max(self.max_in_quota_window, decision.in_window)

    def count_response(self, status: int) -> None:
        """Count a response to a message store or OAuth request; 0: the connection was closed without one."""
        with self._lock:
            if status:
                self.answers[status] += 1
            else:
                self.dropped += 1

    def count_login(self, grant: str) -> None:
        """Count a login or a refresh."""
        with self._lock:
            if grant == REFRESH_GRANT:
                self.refreshes += 1
            else:
                self.logins[grant] += 1

    def count_failed_login(self) -> None:
        """Count a token request that failed other than with 429."""
        with self._lock:
            self.failed_logins += 1

    def count_revoke(self) -> None:
        """Count a revoke."""
        with self._lock:
            self.revokes += 1

    def count_ended_session(self) -> None:
        """Count a session that a new login ended."""
        with self._lock:
            self.ended_sessions += 1
