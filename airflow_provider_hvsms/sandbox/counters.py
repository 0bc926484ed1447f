"""What happened in a sandbox, in numbers."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock
from typing import Any

from airflow_provider_hvsms.sandbox.limits import Verdict
from airflow_provider_hvsms.sandbox.settings import REFRESH_GRANT

LOG_LENGTH = 10_000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One answered read: ``path`` has its query, ``time`` is the clock's, ``status`` 0 means no answer."""

    method: str
    path: str
    time: float
    status: int


class Counters:
    """Counts; plain numbers to read, methods to write.

    ``requests`` counts by read (``messages message batches batch statuses opt_outs``), ``first_pages`` those of them
    that began a list, without a page token. ``logins`` counts by OAuth grant, ``answers`` by status over reads and
    OAuth together. ``most_in_window`` is the most reads that one user and app sent in one quota window, refused ones
    included; ``inside_penalty`` counts requests that restarted a penalty.
    ``log`` holds the last 10,000 reads.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.requests: Counter[str] = Counter()
        self.first_pages: Counter[str] = Counter()
        self.logins: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.refreshes = 0
        self.revokes = 0
        self.failed_logins = 0
        self.inside_penalty = 0
        self.ended_sessions = 0
        self.dropped = 0
        self.most_in_window = 0
        self.log: deque[LogEntry] = deque(maxlen=LOG_LENGTH)

    @property
    def reads(self) -> int:
        """All reads together."""
        return sum(self.snapshot()["requests"].values())

    @property
    def refused(self) -> int:
        """Answers with status 429."""
        return self.answers[429]

    def snapshot(self) -> dict[str, Any]:
        """Return all numbers of one moment."""
        with self._lock:
            return {
                "requests": dict(self.requests),
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
                "most_in_window": self.most_in_window,
            }

    def read(self, name: str, *, is_first_page: bool) -> None:
        """Count a read that arrived."""
        with self._lock:
            self.requests[name] += 1
            if is_first_page:
                self.first_pages[name] += 1

    def asked(self, verdict: Verdict, *, counts_as_read: bool = True) -> None:
        """Count what the quota said."""
        with self._lock:
            self.inside_penalty += verdict.inside_penalty
            if counts_as_read:
                self.most_in_window = max(self.most_in_window, verdict.in_window)

    def answered(self, status: int) -> None:
        """Count an answer to a read or an OAuth request; 0: the connection was closed without one."""
        with self._lock:
            if status:
                self.answers[status] += 1
            else:
                self.dropped += 1

    def logged_in(self, grant: str) -> None:
        """Count a login or a refresh."""
        with self._lock:
            if grant == REFRESH_GRANT:
                self.refreshes += 1
            else:
                self.logins[grant] += 1

    def failed_login(self) -> None:
        """Count a refused token request, 429 aside."""
        with self._lock:
            self.failed_logins += 1

    def revoked(self) -> None:
        """Count a revoke."""
        with self._lock:
            self.revokes += 1

    def ended_session(self) -> None:
        """Count a session that made room for a new login."""
        with self._lock:
            self.ended_sessions += 1
