"""One session for many programs: its token lies in a store that all of them read, and one of them renews it."""

from __future__ import annotations

import dataclasses
import logging
import random
import secrets
import time
from collections.abc import Callable, Hashable
from typing import Protocol

import msgspec

from airflow_provider_hvsms.api.errors import HvsmsError, TokenStoreUnavailable

log = logging.getLogger(__name__)

# All moments and lengths are in seconds.
_SPREAD = (0.0, 1.0)
"""How long to wait before a renewal, so that of many who need it at once most find it done or begun."""

_SETTLING = 1.0
"""How long a claim must stand before it counts: longer than it takes to read the store and write it."""

_POLL = (0.5, 1.5)
"""How long to wait between two looks for the token that somebody else is getting."""

_CLAIM = 180.0
"""How long a claim keeps the others waiting: a login takes a second, or a penalty where the quota of logins is used up.
Each further login would start that anew."""

_PATIENCE = 600.0
"""After so long, whoever needs a token logs in, whatever the others claim."""


@dataclasses.dataclass(frozen=True)
class Session:
    """What a login gave. Moments are those of the clock of whoever logged in.

    :param refresh_token: gives a new session once, and ends this one.
    :param renew_at: from then on it is renewed rather than used.
    :param expires_at: from then on the service refuses it.
    """

    access_token: str = dataclasses.field(repr=False)
    refresh_token: str | None = dataclasses.field(repr=False)
    renew_at: float
    expires_at: float


@dataclasses.dataclass(frozen=True)
class Lease:
    """Somebody's word that a new token is on its way.

    :param by: who, a random name.
    :param until: seconds since the epoch; then it is void.
    """

    by: str
    until: float


@dataclasses.dataclass(frozen=True)
class TokenRecord:
    """What lies in a store.

    :param fingerprint: of the credentials that the session belongs to.
    """

    fingerprint: str = ""
    session: Session | None = None
    claim: Lease | None = None

    def as_text(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_text(cls, text: str) -> TokenRecord:
        """Read what `as_text` wrote; anything else counts as nothing, and will be overwritten."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeError):
            return cls()


class TokenStore(Hashable, Protocol):
    """Where a shared token lies. Many may read and write it at once; of two that write, the last one's stays.

    Two stores of the same place are equal and have the same hash.
    """

    def read(self) -> TokenRecord:
        """What lies there, an empty `TokenRecord` if nothing does.

        :raises TokenStoreUnavailable: it cannot be read.
        """
        ...

    def write(self, kept: TokenRecord) -> None:
        """Put this in place of what lies there.

        :raises TokenStoreUnavailable: it cannot be written.
        """
        ...


class SharedSession:
    """The session that lies in a store, as one of the programs that use it sees it.

    A store has no lock. So whoever would renew the session writes a claim first, and does it only if the claim still
    stands a second later; the others wait for the new token. This leads to one login in all but rare cases, and never
    to none.

    :param fingerprint: of the credentials. A session of others is not used, so that a changed connection counts.
    :param clock: seconds since the epoch, as programs on several machines know them.
    :param sleep: waits the given seconds.
    :param pick: a random number between two.
    """

    def __init__(
        self,
        store: TokenStore,
        fingerprint: str,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        pick: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._clock = clock
        self._sleep = sleep
        self._pick = pick

    def find(self, refused: str | None = None) -> Session | None:
        """The session in the store, if it can be used.

        :param refused: an access token that the service no longer accepts.
        :raises TokenStoreUnavailable: the store cannot be read.
        """
        return self._usable(self._read(), refused)

    def renew(self, refused: str | None, open_session: Callable[[Session | None], Session]) -> Session:
        """A session that can be used: one that somebody else got meanwhile, or a new one, which the others find.

        :param refused: an access token that the service no longer accepts.
        :param open_session: gets a new session, given the one in the store.
        :raises TokenStoreUnavailable: the store cannot be read or written; no session was opened.
        """
        name = secrets.token_hex(8)
        patience_ends = self._clock() + _PATIENCE
        self._sleep(self._pick(*_SPREAD))
        while True:
            kept = self._read()
            if usable := self._usable(kept, refused):
                return usable
            if self._clock() >= patience_ends:
                return self._open(kept, name, open_session)
            if self._is_claimed(kept):
                self._sleep(self._pick(*_POLL))
            elif self._win(kept, name, refused):
                return self._open(kept, name, open_session)

    def _win(self, kept: TokenRecord, name: str, refused: str | None) -> bool:
        self._store.write(dataclasses.replace(kept, claim=Lease(name, self._clock() + _CLAIM)))
        self._sleep(_SETTLING)
        standing = self._read()
        if standing.claim is None and self._usable(standing, refused) is None:
            raise TokenStoreUnavailable("what is written to it does not come back")
        return standing.claim is not None and standing.claim.by == name

    def _open(self, kept: TokenRecord, name: str, open_session: Callable[[Session | None], Session]) -> Session:
        try:
            session = open_session(kept.session)
        except HvsmsError:
            self._publish(dataclasses.replace(kept, claim=Lease(name, self._clock())))
            raise
        self._publish(TokenRecord(self._fingerprint, session))
        return session

    def _publish(self, kept: TokenRecord) -> None:
        try:
            self._store.write(kept)
        except TokenStoreUnavailable as error:
            log.warning("The other tasks cannot be told of the new session, and log in themselves: %s.", error)

    def _read(self) -> TokenRecord:
        kept = self._store.read()
        return kept if kept.fingerprint == self._fingerprint else TokenRecord(self._fingerprint)

    def _usable(self, kept: TokenRecord, refused: str | None) -> Session | None:
        session = kept.session
        if session is None or session.access_token == refused or self._clock() >= session.renew_at:
            return None
        return session

    def _is_claimed(self, kept: TokenRecord) -> bool:
        # The upper bound is for a claim from a machine whose clock is ahead.
        now = self._clock()
        return kept.claim is not None and now < kept.claim.until <= now + 2 * _CLAIM
