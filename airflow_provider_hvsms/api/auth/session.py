"""Credentials -> access token: one login at a time, renewed in time, revoked at the end."""

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
from airflow_provider_hvsms.api.auth.oauth import TokenEndpoint
from airflow_provider_hvsms.api.auth.shared_session import Session, SharedSession, TokenStore
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

MOST_RENEWALS = 3
"""Of one request, when other logins end each new session at once."""

# Seconds to wait, at random, before logging in again when another login ended the session; doubled each time. Programs
# that end each other's sessions would otherwise do so at every request.
_WAIT_AFTER_LOSS = (0.5, 3.0)

_ABOUT_SESSIONS = "about five sessions of one user and app may live at a time, and each further login ends the oldest"
_REMEDY_ALONE = (
    "Set shared_session: true in the connection's extra, or let the tasks of this connection run in an Airflow pool of "
    "at most four slots, or give each program an app or user of its own."
)
_REMEDY_SHARED = (
    "shared_session is set, so these are other programs' logins: give each program an app or user of its own."
)


class Login:
    """The session of one user and app, shared by all threads that read with it.

    With a store it is also shared by all programs that use the same store. Nobody revokes such a session, as others
    may be using it: it ends by itself.

    :param transport: reaches the server.
    :param store: where the token lies that other programs use too; `None` (default): the session is this Login's own.
    :param renewals: how often, for one request, a refused token is replaced.
    :param clock: seconds that only go forward; with a store, seconds since the epoch.
    :param sleep: waits the given seconds.
    :param pick: a random number between two.
    """

    def __init__(
        self,
        credentials: Credentials,
        transport: Transport,
        *,
        store: TokenStore | None = None,
        renewals: int = MOST_RENEWALS,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        pick: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._transport = transport
        self._renewals = renewals
        self._clock = clock or (time.time if store else time.monotonic)
        self._sleep = sleep
        self._pick = pick
        self._shared: SharedSession | None = None
        if store is not None:
            self._shared = SharedSession(store, credentials.fingerprint, clock=self._clock, sleep=sleep, pick=pick)
        self._endpoint = TokenEndpoint(credentials, transport, self._clock)
        self._users = 0
        self._refusal: LoginRefused | None = None
        self._told_loss = False
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Leave the session to the process before, which renews and ends it."""
        # Re-entrant: a client that is collected while its thread logs in leaves from within.
        self._renewing = threading.RLock()
        self._counting = threading.RLock()
        self._session: Session | None = None

    def join(self) -> None:
        """Count one more user of the session. It logs in at the first call, not here."""
        with self._counting:
            if self._users == 0:
                self._refusal = None
                self._transport.open()
            self._users += 1

    def leave(self) -> None:
        """Count one user less; the last one ends the session at the service, unless other programs share it.

        It never waits: who is logging in just now, or waits for quota to, ends the session himself. A failure to end
        it is only noted, and if there is no quota for it, nothing is sent: an unused session ends by itself.
        """
        with self._counting:
            self._users -= 1
            if self._users:
                return
            self._transport.close()
        if self._renewing.acquire(blocking=False):
            try:
                self._end_session()
            finally:
                self._renewing.release()

    def with_token(self, call: Callable[[AuthBase], ResultT]) -> ResultT:
        """Make a call with the session's token; if the service refuses it (401), again with a new one.

        A new token may be refused as well, when many other programs log in: so the call is made up to four times by
        default, after random waits that grow from seconds to about ten.

        :raises LoginRefused: wrong credentials, found once and not tried again.
        :raises SessionEnded: every new token was refused as well.
        """
        session = self._usable_session()
        for renewal in range(self._renewals):
            try:
                return call(_Bearer(session.access_token))
            except SessionEnded:
                session = self._usable_session(_Loss(session, renewal))
        try:
            return call(_Bearer(session.access_token))
        except SessionEnded as error:
            refused = f"{self._renewals} tokens just issued were" if self._renewals else "A token just issued was"
            raise SessionEnded(f"{error} {refused} refused: {_ABOUT_SESSIONS}. {self._remedy}") from error

    def _usable_session(self, loss: _Loss | None = None) -> Session:
        with self._renewing:
            self._check_in_use()
            if self._refusal:
                raise self._refusal
            session = self._session
            if session is None or self._clock() >= session.renew_at or (loss and loss.is_of(session)):
                session = self._session = self._renew(session, loss)
                self._check_in_use()
            return session

    def _check_in_use(self) -> None:
        if self._users == 0:
            self._end_session()
            raise InvalidRequest("The client was closed before its request was sent.")

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is None or self._shared:
            return
        self._transport.open()
        try:
            self._endpoint.revoke(session)
        except HvsmsError as error:
            log.debug("The session could not be revoked: %s", error)
        finally:
            with self._counting:
                if self._users == 0:
                    self._transport.close()

    def _renew(self, session: Session | None, loss: _Loss | None) -> Session:
        if self._shared is None:
            return self._open(session, loss)
        refused = loss.session.access_token if loss else None
        try:
            return self._shared.find(refused) or self._shared.renew(refused, lambda known: self._open(known, loss))
        except TokenStoreUnavailable as error:
            log.warning("The session cannot be shared with other tasks, so this one logs in for itself: %s.", error)
            self._shared = None
            # Not by a refresh, which would end the session of the others.
            return self._open(None, loss)

    def _open(self, known: Session | None, loss: _Loss | None) -> Session:
        if known and loss and loss.is_of(known) and self._clock() < known.expires_at:
            self._tell_loss()
            self._sleep(loss.wait(self._pick))
        elif known and known.refresh_token:
            return self._refresh(known.access_token, known.refresh_token)
        return self._log_in()

    def _refresh(self, access_token: str, refresh_token: str) -> Session:
        try:
            return self._endpoint.refresh(refresh_token)
        except LoginRefused:
            log.info("The session can no longer be refreshed: logging in again.")
        # Perhaps because another program has just done so.
        refreshed = self._shared.find(access_token) if self._shared else None
        return refreshed or self._log_in()

    def _log_in(self) -> Session:
        try:
            return self._endpoint.log_in()
        except LoginRefused as error:
            self._refusal = error
            raise

    def _tell_loss(self) -> None:
        if not self._told_loss:
            log.warning(
                "Another login ended this session (401): %s. Logging in again; further such cases are not logged. %s",
                _ABOUT_SESSIONS,
                self._remedy,
            )
        self._told_loss = True

    @property
    def _remedy(self) -> str:
        return _REMEDY_SHARED if self._shared else _REMEDY_ALONE


@dataclasses.dataclass(frozen=True)
class _Loss:
    """The service refused a session's token, after so many renewals for the same request."""

    session: Session
    renewals: int

    def is_of(self, session: Session) -> bool:
        return session.access_token == self.session.access_token

    def wait(self, pick: Callable[[float, float], float]) -> float:
        shortest, longest = _WAIT_AFTER_LOSS
        return 2.0**self.renewals * pick(shortest, longest)


class _Bearer(AuthBase):
    """As an `auth` object rather than a header: otherwise `requests` would prefer what a `.netrc` says."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
