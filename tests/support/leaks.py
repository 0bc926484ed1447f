"""Looks for phone numbers, texts and secrets in everything that a run has left behind."""

from __future__ import annotations

import contextlib
import gzip
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet

from airflow_provider_hvsms.sandbox import Sandbox

_PHONE_NUMBER = re.compile(rb"1[2-9]\d\d55501\d\d|1650555010[0-5]")
"""Every number of the sandbox, with or without `+`, also where it is escaped or joined to others."""

_TOKEN = re.compile(rb"SBX0[12][0-9a-f]{48}")
"""An access or refresh token of the sandbox."""

_MIN_TEXT_LENGTH = 12
"""Characters of a text that cannot be a part of something else."""


@dataclass(frozen=True)
class Leak:
    """Something personal or secret, and where it was found."""

    path: str
    what: str


@dataclass(frozen=True)
class Scan:
    """What is looked for.

    :param texts: of messages.
    :param secrets: of the connection.
    """

    texts: frozenset[bytes]
    secrets: frozenset[bytes]

    @classmethod
    def of(cls, sandbox: Sandbox, *secrets: str) -> Scan:
        """Look for what a sandbox holds, and for some more secrets."""
        settings = sandbox.settings
        texts = {message.text.encode() for message in sandbox.store.messages if len(message.text) >= _MIN_TEXT_LENGTH}
        known = (settings.client_secret, settings.jwt, settings.password, *secrets)
        return cls(frozenset(texts), frozenset(secret.encode() for secret in known))

    def leaks_in(self, folder: Path) -> list[Leak]:
        """All leaks in the files of a folder and its subfolders, read as their formats say."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [
            Leak(str(path.relative_to(folder)), what)
            for path in files
            for content in _contents(path)
            for what in self._found_in(content)
        ]

    def _found_in(self, content: bytes) -> Iterable[str]:
        if number := _PHONE_NUMBER.search(content):
            yield f"the phone number {number[0].decode()}"
        if token := _TOKEN.search(content):
            yield f"the token {token[0].decode()}"
        for kind, values in (("secret", self.secrets), ("text", self.texts)):
            if found := next((value for value in values if value in content), None):
                yield f"the {kind} {found.decode()}"


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    yield raw
    if raw.startswith(b"SQLite format 3"):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            yield "\n".join(database.iterdump()).encode("utf-8", "replace")
    elif raw.startswith(b"PAR1"):
        yield repr(pyarrow.parquet.ParquetFile(path).read().to_pylist()).encode()
    elif raw.startswith(b"\x1f\x8b"):
        yield gzip.decompress(raw)
