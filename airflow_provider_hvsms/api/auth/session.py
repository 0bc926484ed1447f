"""The OAuth session: one login for all threads, renewed in time, revoked at the end."""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import requests
from requests.auth import AuthBase

from airflow_provider_hvsms.api.auth.credentials import Credentials
from airflow_provider_hvsms.api.auth.oauth import OAuth, Token
from airflow_provider_hvsms.api.auth.shared_session import SharedToken, TokenStore
from airflow_provider_hvsms.api.errors import (
    HvsmsError,
    InvalidRequest,
    LoginRefused,
    SessionEnded,
    TokenStoreUnavailable,
)
from airflow_provider_hvsms.api.fork import renew_after_fork
from airflow_provider_hvsms.api.transport import Transport

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

MAX_RENEWALS = 3
"""Renewals for one request, when other logins end each new session at once."""

_LOGIN_BACKOFF = (0.5, 3.0)
"""Seconds, at random, before logging in again when another login ended the session; doubled with each renewal. Programs
that end each other's sessions would otherwise do so at every request."""

_SESSION_LIMIT = "The service keeps about five sessions of one user and app, and each further login ends the oldest."
_REMEDY_UNSHARED = (
    "Set shared_session: true in the connection's extra, run the tasks of this connection in an Airflow pool of at "
    "most four slots, or give each program an app or user of its own."
)
_REMEDY_SHARED = (
    "shared_session is set, so these are logins of other programs: give each program an app or user of its own."
)


class Session:
    """The OAuth session of one user and app, shared by all threads.

    With a token store it is also shared by all processes that use the same token store. Such a session is not revoked,
    as other processes may be using it: it expires.

    Example::

        session = Session(credentials, transport)
        session.add_client()  # counts a user of the session
        session.with_token(lambda auth: requests.get(url, auth=auth, timeout=10))  # logs in
        session.remove_client()  # the last one revokes the session

    :param transport: sends the OAuth calls.
    :param token_store: where processes share the token; `None` (default): the session belongs to this process.
    :param max_renewals: how often a rejected token is renewed for one request; 3 by default.
    :param clock: seconds that never go back; with a token store, seconds since the epoch.
    :param sleep: waits the given seconds.
    :param uniform: a random number between two.
    """

    def __init__(
        self,
        credentials: Credentials,
        transport: Transport,
        *,
        token_store: TokenStore | None = None,
        max_renewals: int = MAX_RENEWALS,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._transport = transport
        self._max_renewals = max_renewals
        self._clock = clock or (time.time if token_store else time.monotonic)
        self._sleep = sleep
        self._uniform = uniform
        self._shared: SharedToken | None = None
        if token_store is not None:
            self._shared = SharedToken(
                token_store, credentials.fingerprint, clock=self._clock, sleep=sleep, uniform=uniform
            )
        self._oauth = OAuth(credentials, transport, self._clock)
        self._clients = 0
        self._refusal: LoginRefused | None = None
        self._loss_logged = False
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Leave the token to the parent process, which renews and revokes it."""
        # Re-entrant: a client may be collected, and so removed, in a thread that holds a lock.
        self._token_lock = threading.RLock()
        self._clients_lock = threading.RLock()
        self._token: Token | None = None

    def add_client(self) -> None:
        """Count a client that uses the session. Nothing is sent before the first `with_token`."""
        with self._clients_lock:
            if self._clients == 0:
                self._refusal = None
                self._transport.open()
            self._clients += 1

    def remove_client(self) -> None:
        """Uncount a client; the last one revokes the session, unless it is shared with other processes.

        It never waits. If a thread is logging in at this moment, that thread revokes the session. A failure to revoke
        is only logged, and without quota nothing is sent: an unused session expires.
        """
        with self._clients_lock:
            self._clients -= 1
            if self._clients:
                return
            self._transport.close()
        if self._token_lock.acquire(blocking=False):
            try:
                self._revoke()
            finally:
                self._token_lock.release()

    def with_token(self, send: Callable[[AuthBase], ResultT]) -> ResultT:
        """Send a request with the session's token; if the service rejects the token (401), again with a new one.

        New tokens may be rejected too, when many other programs log in. So a request is sent up to four times by
        default, after random waits of at most 3, 6 and 12 seconds.

        :param send: sends the request with this authentication.
        :raises LoginRefused: the credentials are wrong; they are not tried again.
        :raises SessionEnded: every new token was rejected too.
        """
        token = self._usable_token()
        renewals = 0
        while True:
            try:
                return send(_BearerAuth(token.access_token))
            except SessionEnded as error:
                if renewals == self._max_renewals:
                    raise SessionEnded(
                        f"{error} Rejected tokens: {renewals + 1}. {_SESSION_LIMIT} {self._remedy}"
                    ) from error
            token = self._usable_token(_Rejection(token, renewals))
            renewals += 1

    def _usable_token(self, rejection: _Rejection | None = None) -> Token:
        with self._token_lock:
            self._check_in_use()
            if self._refusal:
                raise self._refusal
            token = self._token
            if token is None or self._clock() >= token.renew_at or (rejection and rejection.is_of(token)):
                token = self._token = self._renew(token, rejection)
                self._check_in_use()
            return token

    def _check_in_use(self) -> None:
        if self._clients == 0:
            self._revoke()
            raise InvalidRequest("The client was closed before its request was sent. Close it after its last read.")

    def _revoke(self) -> None:
        token, self._token = self._token, None
        if token is None or self._shared:
            return
        self._transport.open()
        try:
            self._oauth.revoke(token)
        except HvsmsError as error:
            log.debug("The session could not be revoked: %s", error)
        finally:
            with self._clients_lock:
                if self._clients == 0:
                    self._transport.close()

    def _renew(self, token: Token | None, rejection: _Rejection | None) -> Token:
        if self._shared is None:
            return self._obtain(token, rejection)
        rejected = rejection.token.access_token if rejection else None
        try:
            found = self._shared.find(rejected)
            return found or self._shared.renew(rejected, lambda stored: self._obtain(stored, rejection))
        except TokenStoreUnavailable as error:
            log.warning("The session cannot be shared with other tasks, so this task logs in for itself: %s.", error)
            self._shared = None
            # By a login, as a refresh would end the session of the other tasks.
            return self._obtain(None, rejection)

    def _obtain(self, known: Token | None, rejection: _Rejection | None) -> Token:
        if known and rejection and rejection.is_of(known) and self._clock() < known.expires_at:
            self._log_loss()
            self._sleep(rejection.backoff(self._uniform))
        elif known and known.refresh_token:
            return self._refresh(known.access_token, known.refresh_token)
        return self._log_in()

    def _refresh(self, access_token: str, refresh_token: str) -> Token:
        try:
            return self._oauth.refresh(refresh_token)
        except LoginRefused:
            log.info("The session can no longer be refreshed: logging in again.")
        # Another process may have refreshed it just now.
        refreshed = self._shared.find(access_token) if self._shared else None
        return refreshed or self._log_in()

    def _log_in(self) -> Token:
        try:
            return self._oauth.log_in()
        except LoginRefused as error:
            self._refusal = error
            raise

    def _log_loss(self) -> None:
        if not self._loss_logged:
            log.warning(
                "Another login ended this session (401). %s Logging in again; further cases are not logged. %s",
                _SESSION_LIMIT,
                self._remedy,
            )
        self._loss_logged = True

    @property
    def _remedy(self) -> str:
        return _REMEDY_SHARED if self._shared else _REMEDY_UNSHARED


@dataclasses.dataclass(frozen=True)
class _Rejection:
    """The service rejected a token, after this many renewals for the same request."""

    token: Token
    renewals: int

    def is_of(self, token: Token) -> bool:
        return token.access_token == self.token.access_token

    def backoff(self, uniform: Callable[[float, float], float]) -> float:
        return 2.0**self.renewals * uniform(*_LOGIN_BACKOFF)


class _BearerAuth(AuthBase):
    """An `auth` object rather than a header, which `requests` would replace by an entry of a `.netrc` file."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
