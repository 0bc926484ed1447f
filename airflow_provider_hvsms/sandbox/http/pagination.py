"""Pages: which keys a page holds, and the signed tokens that lead to other pages."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from airflow_provider_hvsms.sandbox.data.keys import Key
from airflow_provider_hvsms.sandbox.settings import LastPage

_SIGNATURE_LENGTH = 12


class InvalidPageToken(Exception):
    """A page token that belongs to another list, was changed or has expired."""


class KeySource(Protocol):
    """The keys of a list in both directions, between ``start`` (inclusive) and ``end`` (exclusive)."""

    def ascending(self, start: Key, end: Key) -> Iterator[Key]: ...
    def descending(self, start: Key, end: Key) -> Iterator[Key]: ...


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: the time window of the first request, and the key below which the page begins.

    ``below`` is ``None`` on the first page.
    """

    start: int
    end: int
    below: Key | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The keys of a page, newest first, and the positions of the pages around it."""

    keys: list[Key]
    position: Position
    per_page: int
    previous: Position | None
    next: Position | None


def take_page(keys: KeySource, position: Position, per_page: int, shift: int = 0) -> Page:
    """Return the page at a position.

    :param shift: how many of its records are repeated on the next page; negative: how many are on neither.
    """
    start, end, below = position.start, position.end, position.below
    before_next = max(1, per_page - shift)
    needed = max(before_next, per_page) + 1
    found = list(islice(keys.descending((start, 0), below or (end, 0)), needed))
    following = Position(start, end, found[before_next - 1]) if len(found) == needed else None
    previous = None
    if below is not None:
        newer = list(islice(keys.ascending(below, (end, 0)), per_page + 1))
        previous = Position(start, end, newer[per_page] if len(newer) > per_page else None)
    return Page(found[:per_page], position, per_page, previous, following)


class PageTokens:
    """Writes and reads page tokens.

    :param clock: seconds since the epoch.
    :param ttl: lifetime of a token in seconds; ``None``: it does not expire.
    """

    def __init__(self, clock: Callable[[], float], ttl: float | None) -> None:
        self._clock = clock
        self._ttl = ttl
        self._secret = secrets.token_bytes(32)

    def write(self, binding: str, position: Position) -> str:
        """Return the token of a position; ``binding`` identifies the list and its filters."""
        until = None if self._ttl is None else self._clock() + self._ttl
        body = json.dumps([position.start, position.end, position.below, until], separators=(",", ":")).encode()
        return _encode(self._sign(binding, body) + body)

    def read(self, binding: str, token: str) -> Position:
        """Return the position of a token, or raise ``InvalidPageToken``."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise InvalidPageToken from None
        signature, body = raw[:_SIGNATURE_LENGTH], raw[_SIGNATURE_LENGTH:]
        # Some bits of the last character are not decoded: a changed one must not pass.
        if _encode(raw) != token or not hmac.compare_digest(signature, self._sign(binding, body)):
            raise InvalidPageToken
        start, end, below, until = json.loads(body)
        if until is not None and self._clock() >= until:
            raise InvalidPageToken
        return Position(start, end, None if below is None else (below[0], below[1]))

    def _sign(self, binding: str, body: bytes) -> bytes:
        return hmac.digest(self._secret, binding.encode() + b"\0" + body, hashlib.sha256)[:_SIGNATURE_LENGTH]


def paging_fields(page: Page, write: Callable[[Position], str], last_page: LastPage) -> dict[str, Any] | None:
    """Return the ``paging`` of a response, or ``None`` if it has none; ``write`` makes the tokens."""
    if page.next is None and last_page == "no-paging":
        return None
    first = Position(page.position.start, page.position.end)
    fields = {"pageToken": write(page.position), "perPage": page.per_page, "firstPageToken": write(first)}
    if page.previous is not None:
        fields["previousPageToken"] = write(page.previous)
    if page.next is not None:
        fields["nextPageToken"] = write(page.next)
    elif last_page == "empty-token":
        fields["nextPageToken"] = ""
    return fields


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
