"""Page tokens: opaque, signed, and good for one list with one set of filters."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_hvsms.sandbox.records import Key
from airflow_provider_hvsms.sandbox.settings import LastPage

_SIGNATURE = 12


class InvalidToken(Exception):
    """A page token that is foreign, changed or expired."""


@dataclass(frozen=True, slots=True)
class Position:
    """A page: the window that its list was first asked for, in microseconds, and the key that all its records precede.

    ``below`` is ``None`` on the first page.
    """

    start: int
    end: int
    below: Key | None = None


class Tokens:
    """Writes and reads page tokens.

    :param clock: seconds since the epoch.
    :param ttl: life of a token in seconds; ``None``: for ever.
    """

    def __init__(self, clock: Callable[[], float], ttl: float | None) -> None:
        self._clock = clock
        self._ttl = ttl
        self._secret = secrets.token_bytes(32)

    def write(self, binding: str, position: Position) -> str:
        """Return the token of a page; ``binding`` stands for the list and its filters."""
        until = None if self._ttl is None else self._clock() + self._ttl
        body = json.dumps([position.start, position.end, position.below, until], separators=(",", ":")).encode()
        return _encoded(self._sign(binding, body) + body)

    def read(self, binding: str, token: str) -> Position:
        """Return the page of a token, or raise ``InvalidToken``."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise InvalidToken from None
        signature, body = raw[:_SIGNATURE], raw[_SIGNATURE:]
        # The last character has bits that are not decoded.
        if _encoded(raw) != token or not hmac.compare_digest(signature, self._sign(binding, body)):
            raise InvalidToken
        start, end, below, until = json.loads(body)
        if until is not None and self._clock() >= until:
            raise InvalidToken
        return Position(start, end, None if below is None else (below[0], below[1]))

    def _sign(self, binding: str, body: bytes) -> bytes:
        return hmac.digest(self._secret, binding.encode() + b"\0" + body, hashlib.sha256)[:_SIGNATURE]


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The pages around a page; ``None``: there is none."""

    previous: Position | None
    next: Position | None


def paging(
    write: Callable[[Position], str], here: Position, around: Neighbours, per_page: int, last_page: LastPage
) -> Mapping[str, Any] | None:
    """Return the ``paging`` of an answer, or ``None`` where the answer shall have none."""
    if around.next is None and last_page == "no-paging":
        return None
    first = Position(here.start, here.end)
    fields: dict[str, Any] = {"pageToken": write(here), "perPage": per_page, "firstPageToken": write(first)}
    if around.previous is not None:
        fields["previousPageToken"] = write(around.previous)
    if around.next is not None:
        fields["nextPageToken"] = write(around.next)
    elif last_page == "empty-token":
        fields["nextPageToken"] = ""
    return fields
