"""One session for several processes: a lease over a last-write-wins token store.

A token store has no lock and no compare-and-set. A process that needs a new token therefore acquires a lease: it writes
the lease beside the token, waits for the settle time, and is the holder if the lease it then reads is still its own.
The others poll for the new token until the lease expires. In rare cases two processes log in at once, which costs one
session more; a lease that is never released expires, so no process is blocked for good.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import secrets
import time
from collections.abc import Callable, Hashable
from typing import Protocol

import msgspec

from airflow_provider_hvsms.api.auth.oauth import Token
from airflow_provider_hvsms.api.errors import HvsmsError, TokenStoreUnavailable

log = logging.getLogger(__name__)

# All of these are in seconds.
_JITTER = (0.0, 1.0)
"""Random wait before a lease is acquired, so that of many processes most find it held or the token renewed."""

_SETTLE_TIME = 1.0
"""How long a lease must last to count. It exceeds the time to read and write the token store."""

_POLL_INTERVAL = (0.5, 1.5)

_LEASE_DURATION = 180.0
"""A login takes a second, or a penalty of a minute or two where the quota of logins is used up."""

_MAX_WAIT = 600.0
"""After this, a process logs in without a lease."""


@dataclasses.dataclass(frozen=True)
class Lease:
    """The right to renew the token.

    :param holder: a random name of the process that renews it.
    :param expires_at: seconds since the epoch.
    """

    holder: str
    expires_at: float


@dataclasses.dataclass(frozen=True)
class TokenRecord:
    """The content of a token store.

    :param fingerprint: of the credentials that the token belongs to.
    :param token: the shared token; `None` before the first login.
    :param lease: set while a process renews the token.
    """

    fingerprint: str = ""
    token: Token | None = None
    lease: Lease | None = None

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> TokenRecord:
        """Read what `to_json` wrote. Any other text gives an empty record, so that it is overwritten."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeError):
            return cls()


class TokenStore(Hashable, Protocol):
    """Where a shared token is kept. Processes may read and write it at once; the last write wins.

    Two token stores for the same place are equal and have the same hash.

    Example::

        @dataclasses.dataclass(frozen=True)
        class FileTokenStore:
            path: Path

            def read(self) -> TokenRecord:
                return TokenRecord.from_json(self.path.read_text()) if self.path.exists() else TokenRecord()

            def write(self, record: TokenRecord) -> None:
                self.path.write_text(record.to_json())
    """

    def read(self) -> TokenRecord:
        """The record, or an empty one if there is none.

        :raises TokenStoreUnavailable: it cannot be read.
        """
        ...

    def write(self, record: TokenRecord) -> None:
        """Replace the record.

        :raises TokenStoreUnavailable: it cannot be written.
        """
        ...


class SharedToken:
    """The token in a token store, as one process sees it.

    :param fingerprint: of the credentials. A token of other credentials is ignored, so that a changed connection takes
        effect.
    :param clock: seconds since the epoch, which the processes of several machines agree on.
    :param sleep: waits the given seconds.
    :param uniform: a random number between two.
    """

    def __init__(
        self,
        store: TokenStore,
        fingerprint: str,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._clock = clock
        self._sleep = sleep
        self._uniform = uniform

    def find(self, rejected: str | None = None) -> Token | None:
        """The stored token if it can be used.

        :param rejected: an access token that the service no longer accepts.
        :raises TokenStoreUnavailable: the token store cannot be read.
        """
        return self._usable(self._read(), rejected)

    def renew(self, rejected: str | None, obtain: Callable[[Token | None], Token]) -> Token:
        """A usable token: one that another process stored meanwhile, or a new one, which is stored.

        :param rejected: an access token that the service no longer accepts.
        :param obtain: obtains a new token, given the stored one.
        :raises TokenStoreUnavailable: the token store cannot be read or written; no token was obtained.
        """
        holder = secrets.token_hex(8)
        deadline = self._clock() + _MAX_WAIT
        self._sleep(self._uniform(*_JITTER))
        while True:
            record = self._read()
            if token := self._usable(record, rejected):
                return token
            if self._clock() >= deadline:
                return self._obtain(record, holder, obtain)
            if self._is_leased(record):
                self._sleep(self._uniform(*_POLL_INTERVAL))
            elif self._acquire(record, holder, rejected):
                return self._obtain(record, holder, obtain)

    def _acquire(self, record: TokenRecord, holder: str, rejected: str | None) -> bool:
        self._store.write(dataclasses.replace(record, lease=Lease(holder, self._clock() + _LEASE_DURATION)))
        self._sleep(_SETTLE_TIME)
        settled = self._read()
        if settled.lease is None and self._usable(settled, rejected) is None:
            raise TokenStoreUnavailable("a record that was written is not returned by the next read")
        return settled.lease is not None and settled.lease.holder == holder

    def _obtain(self, record: TokenRecord, holder: str, obtain: Callable[[Token | None], Token]) -> Token:
        try:
            token = obtain(record.token)
        except HvsmsError:
            # Expired rather than removed: a missing lease looks like a write that was lost.
            self._publish(dataclasses.replace(record, lease=Lease(holder, self._clock())))
            raise
        self._publish(TokenRecord(self._fingerprint, token))
        return token

    def _publish(self, record: TokenRecord) -> None:
        try:
            self._store.write(record)
        except TokenStoreUnavailable as error:
            log.warning("The session could not be stored for other tasks, so each of them logs in: %s.", error)

    def _read(self) -> TokenRecord:
        record = self._store.read()
        return record if record.fingerprint == self._fingerprint else TokenRecord(self._fingerprint)

    def _usable(self, record: TokenRecord, rejected: str | None) -> Token | None:
        token = record.token
        return token if token and token.access_token != rejected and self._clock() < token.renew_at else None

    def _is_leased(self, record: TokenRecord) -> bool:
        # The upper bound ignores a lease from a machine whose clock is far ahead.
        now = self._clock()
        return record.lease is not None and now < record.lease.expires_at <= now + 2 * _LEASE_DURATION
