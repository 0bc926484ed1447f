"""Looks for phone numbers, texts and secrets in everything that a run has left behind."""

from __future__ import annotations

import contextlib
import gzip
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet

from airflow_provider_hvsms.sandbox import Sandbox

_PHONE_NUMBER = re.compile(rb"1[2-9]\d\d55501\d\d")
"""Every number of the sandbox, with or without `+`, also where it is escaped or joined to others."""

_TOKEN = re.compile(rb"SBX0[12][0-9a-f]{48}")
"""An access or refresh token of the sandbox."""

_MIN_TEXT_LENGTH = 12
"""Characters of a text that cannot be a part of something else."""


@dataclass(frozen=True)
class Leak:
    """Something personal or secret, and the file that it was found in."""

    path: str
    what: str


@dataclass(frozen=True)
class Scan:
    """What is looked for, beside phone numbers and tokens.

    :param values: texts of messages, and secrets.
    """

    values: frozenset[bytes]

    @classmethod
    def of(cls, sandbox: Sandbox, *planted: str) -> Scan:
        """Look for the texts and secrets of a sandbox, and for what was planted."""
        settings = sandbox.settings
        texts = [message.text for message in sandbox.store.messages if len(message.text) >= _MIN_TEXT_LENGTH]
        known = {*texts, *planted, settings.client_secret, settings.jwt, settings.password}
        return cls(frozenset(value.encode() for value in known))

    def found_in(self, content: str | bytes) -> set[str]:
        """The numbers, without `+`, and the values that a content holds."""
        raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
        patterns = {*_PHONE_NUMBER.findall(raw), *_TOKEN.findall(raw)}
        return {found.decode() for found in (*patterns, *(value for value in self.values if value in raw))}

    def leaks_in(self, folder: Path) -> list[Leak]:
        """All leaks in the files of a folder and its subfolders, read as their formats say."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [
            Leak(str(path.relative_to(folder)), what)
            for path in files
            for what in sorted(set().union(*map(self.found_in, _contents(path))))
        ]


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


def without_requests_to_mask(output: str) -> str:
    """Leave out what Airflow's own `dag.test`, unlike a worker, shows at DEBUG of what it is asked to mask."""
    return "".join(line for line in output.splitlines(keepends=True) if "MaskSecret(" not in line)
