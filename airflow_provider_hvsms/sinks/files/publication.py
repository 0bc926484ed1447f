"""The files of one load, hidden until all of them are published in place of an earlier load's.

Each load of a folder has a number, one above what it found there when it began, and names of its own. Of two loads at
once, such as a task that outlived its retry, the one that began later wins, whatever the order of their steps.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import IO, Any, NamedTuple

import msgspec

from airflow_provider_hvsms.api.errors import HvsmsError, LoadSuperseded, UnusableFolder
from airflow_provider_hvsms.sinks.files.folder import DRAFT_PREFIX, Folder

SUCCESS = "_SUCCESS"
REJECTS = "_rejects.jsonl"

_OLD_REJECTS = "rejects.jsonl"
"""Of versions before 0.2; no reader of Parquet passes it over."""

_LOAD = r"(?P<number>\d{6,})-(?P<mark>[0-9a-f]{8})"
_PART = re.compile(rf"part-(?:{_LOAD}-)?\d{{5,}}\.(?:jsonl|csv|parquet)(?:\.gz)?")
_HIDDEN = re.compile(rf"{re.escape(DRAFT_PREFIX)}(?:{_LOAD}(?:\.load|-.+\.draft)|[0-9a-f]{{32}}\.draft)")

_PUBLISHING = b"publishing"


class LoadId(NamedTuple):
    """Which load a file is of; the greater one began later."""

    number: int
    mark: str

    def __str__(self) -> str:
        return f"{self.number:06}-{self.mark}"


class Publication:
    """The files of one load of a folder, from its beginning to their publication.

    A file `.hvsms-<load>.load` tells other loads how far this one is: empty, or `publishing`, or its summary when all
    of its files are there.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        folder.prepare()
        numbers = (load.number for load in map(_load_of, folder.files()) if load)
        self._load = LoadId(max(numbers, default=0) + 1, secrets.token_hex(4))
        self._parts: dict[str, str] = {}
        self._rejects: str | None = None
        self._published = False
        self._note(b"")

    def add_part(self, file: IO[bytes], suffix: str) -> None:
        """Upload a part, hidden."""
        number = f"{len(self._parts):05}{suffix}"
        draft = self._draft(f"part-{number}")
        self._parts[draft] = f"part-{self._load}-{number}"
        self._folder.upload(draft, file)

    def add_rejects(self, file: IO[bytes]) -> None:
        """Upload the rejects, hidden."""
        self._rejects = self._draft(REJECTS)
        self._folder.upload(self._rejects, file)

    @property
    def has_parts(self) -> bool:
        return bool(self._parts)

    def publish(self, summary: Mapping[str, Any]) -> None:
        """Make all files visible; then, not before, the earlier load's `_SUCCESS` is replaced and its files go.

        :raises LoadSuperseded: a load that began later has published its files.
        """
        self._refuse_if_superseded()
        self._note(_PUBLISHING)
        try:
            self._folder.move(self._parts)
        except UnusableFolder:  # a draft is gone: perhaps a later load removed it
            self._refuse_if_superseded()
            raise
        self._refuse_if_superseded()
        success = msgspec.json.encode(dict(summary), enc_hook=str) + b"\n"
        self._note(success)
        if self._rejects:
            self._folder.move({self._rejects: REJECTS})
        self._folder.write(SUCCESS, success, draft=self._draft(SUCCESS))
        self._published = True
        self._folder.remove(self._outdated())
        self._restore_success_of_later_load()

    def withdraw(self) -> None:
        """Remove what is not published; nothing to do after `publish`."""
        if not self._published:
            with suppress(HvsmsError):  # what is left is hidden, and the next load removes it
                self._folder.remove(name for name in self._folder.files() if _load_of(name) == self._load)

    def _refuse_if_superseded(self) -> None:
        if any(self._later_loads()):
            raise LoadSuperseded(
                "Another load of this folder, which began later, has published its files, so those of this one were "
                "not. Let only one task write into a folder, or run this one again."
            )

    def _later_loads(self) -> Iterator[LoadId]:
        """Loads that began later and show already."""
        for name, size in self._folder.files().items():
            load = _load_of(name)
            if load and load > self._load and (_PART.fullmatch(name) or (name.endswith(".load") and size)):
                yield load

    def _outdated(self) -> list[str]:
        names = self._folder.files()
        mine = None if self._rejects else REJECTS
        return [name for name in names if name in (mine, _OLD_REJECTS) or self._is_of_earlier_load(name)]

    def _is_of_earlier_load(self, name: str) -> bool:
        load = _load_of(name)
        return load < self._load if load else bool(_PART.fullmatch(name) or _HIDDEN.fullmatch(name))

    def _restore_success_of_later_load(self) -> None:
        """Put back the `_SUCCESS` of a load that was published while this one was."""
        latest = max(self._later_loads(), default=None)
        if latest is None:
            return
        success = self._folder.read(_state_of(latest))
        if success not in (b"", _PUBLISHING):
            self._folder.write(SUCCESS, success, draft=self._draft(SUCCESS))
        self._refuse_if_superseded()

    def _note(self, state: bytes) -> None:
        self._folder.write(_state_of(self._load), state, draft=self._draft("state"))

    def _draft(self, name: str) -> str:
        return f"{DRAFT_PREFIX}{self._load}-{name}.draft"


def _state_of(load: LoadId) -> str:
    return f"{DRAFT_PREFIX}{load}.load"


def _load_of(name: str) -> LoadId | None:
    """Which load a file is of; `None` if of none, or of a version that did not number them."""
    found = _PART.fullmatch(name) or _HIDDEN.fullmatch(name)
    return LoadId(int(found["number"]), found["mark"]) if found and found["number"] else None
