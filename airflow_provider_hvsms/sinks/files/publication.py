"""The files of one load: hidden until all of them replace those of the previous load.

Each load into a folder has a number, one more than the highest it finds there when it starts, and its own file names.
Of two loads at once, such as a task that is still running when its retry starts, the one that started later wins,
however their steps interleave.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import IO, Any, NamedTuple

import msgspec

from airflow_provider_hvsms.api.errors import HvsmsError, LoadSuperseded, UnusableFolder
from airflow_provider_hvsms.sinks.files.folder import HIDDEN_PREFIX, Folder
from airflow_provider_hvsms.sinks.files.partitions import unit_of
from airflow_provider_hvsms.sinks.files.registry import SUFFIXES

SUCCESS = "_SUCCESS"
REJECTS = "_rejects.jsonl"

_EARLIER_REJECTS = "rejects.jsonl"
"""The name in versions before 0.2. Readers of Parquet do not skip it."""

_LOAD = r"(?P<number>\d{6,})-(?P<nonce>[0-9a-f]{8})"
_PART = re.compile(rf"part-(?:{_LOAD}-)?\d{{5,}}(?:{'|'.join(map(re.escape, sorted(SUFFIXES)))})")
_HIDDEN = re.compile(rf"{re.escape(HIDDEN_PREFIX)}(?:{_LOAD}(?:\.load|-.+\.draft)|[0-9a-f]{{32}}\.draft)")

_PUBLISHING = b"publishing"


class LoadId(NamedTuple):
    """Identifies a load in the names of its files; the greater one started later."""

    number: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.number:06}-{self.nonce}"

    @property
    def marker(self) -> str:
        """The name of the load's marker file."""
        return f"{HIDDEN_PREFIX}{self}.load"

    def hidden(self, name: str) -> str:
        """The name of a file until it is published."""
        return f"{HIDDEN_PREFIX}{self}-{name}.draft"


def start_load(folder: Folder, others: Iterable[Iterable[str]] = ()) -> LoadId:
    """Check the folder, and put the marker of a new load there.

    :param others: names of files in other folders that the load will write to; it starts later than their loads too.
    """
    folder.prepare()
    names = itertools.chain(folder.list_files(), *others)
    numbers = (load.number for load in map(_load_of, names) if load)
    load = LoadId(max(numbers, default=0) + 1, secrets.token_hex(4))
    folder.write(load.marker, b"", temporary_name=load.hidden("state"))
    return load


def end_load(folder: Folder, load: LoadId) -> None:
    """Remove the markers of earlier loads. The load's own one stays, so that the next number is higher."""
    found = ((name, _load_of(name)) for name in folder.list_files() if _HIDDEN.fullmatch(name))
    folder.remove(name for name, other in found if other and other < load)


def check_not_mixed(folder: Folder, partition_by: str | None) -> list[str]:
    """Check that the folder holds no records of loads with another `partition_by`.

    :return: the names of the folders by time that it holds.
    :raises UnusableFolder: it does.
    """
    found = [name for name in folder.list_folders() if unit_of(name)]
    others = [name for name in found if unit_of(name) != partition_by]
    if partition_by:
        others += filter(_PART.fullmatch, folder.list_files())
    if others:
        raise UnusableFolder(
            f"{folder.display_name} holds {min(others)} of a load with another partition_by than {partition_by!r}, so "
            "that readers would find records twice. Nothing was written. Use another path, or remove what it holds."
        )
    return found


class Publication:
    """The files of one load in one folder, from its start to their publication.

    A marker file `.hvsms-<load>.load` shows other loads the state of this one. It is empty at first, then holds
    `publishing`, and finally the load's summary, once all parts are in place.
    """

    def __init__(self, folder: Folder, load: LoadId) -> None:
        self._folder = folder
        self._load = load
        self._parts: dict[str, str] = {}
        self._rejects: str | None = None
        self._published = False

    @classmethod
    def start(cls, folder: Folder) -> Publication:
        """Start a load into one folder."""
        return cls(folder, start_load(folder))

    def add_part(self, file: IO[bytes], suffix: str) -> None:
        """Upload a part under a hidden name."""
        number = f"{len(self._parts):05}{suffix}"
        hidden = self._load.hidden(f"part-{number}")
        self._parts[hidden] = f"part-{self._load}-{number}"
        self._folder.upload(hidden, file)

    def add_rejects(self, file: IO[bytes]) -> None:
        """Upload the rejects under a hidden name."""
        self._rejects = self._load.hidden(REJECTS)
        self._folder.upload(self._rejects, file)

    @property
    def has_parts(self) -> bool:
        return bool(self._parts)

    def publish(self, summary: Mapping[str, Any]) -> None:
        """Make all files visible, then replace the previous load's `_SUCCESS`, then remove its files.

        :raises LoadSuperseded: a load that started later has published its files.
        """
        self._check_latest()
        self._write_marker(_PUBLISHING)
        try:
            self._folder.rename(self._parts)
        except UnusableFolder:  # a hidden file is missing: a later load may have removed it
            self._check_latest()
            raise
        self._check_latest()
        success = msgspec.json.encode(dict(summary), enc_hook=str) + b"\n"
        self._write_marker(success)
        if self._rejects:
            self._folder.rename({self._rejects: REJECTS})
        self._write_success(success)
        self._published = True
        self._folder.remove(self._outdated_files())
        self._restore_success_of_later_load()

    def discard(self) -> None:
        """Remove the files of a load that is not published; has no effect after `publish`."""
        if not self._published:
            with suppress(HvsmsError):  # what remains is hidden, and the next load removes it
                self._folder.remove(name for name in self._folder.list_files() if _load_of(name) == self._load)

    def _check_latest(self) -> None:
        if any(self._later_loads()):
            raise LoadSuperseded(
                "Another load into this folder started later and has published its files; the files of this load are "
                "discarded. Let only one task write to a folder, or run this task again."
            )

    def _later_loads(self) -> Iterator[LoadId]:
        """Loads that started later and have begun to publish."""
        for name, size in self._folder.list_files().items():
            load = _load_of(name)
            if load and load > self._load and (_PART.fullmatch(name) or (name == load.marker and size)):
                yield load

    def _outdated_files(self) -> list[str]:
        outdated_rejects = {_EARLIER_REJECTS} if self._rejects else {_EARLIER_REJECTS, REJECTS}
        names = self._folder.list_files()
        return [name for name in names if name in outdated_rejects or self._is_of_earlier_load(name)]

    def _is_of_earlier_load(self, name: str) -> bool:
        load = _load_of(name)
        return load < self._load if load else bool(_PART.fullmatch(name) or _HIDDEN.fullmatch(name))

    def _restore_success_of_later_load(self) -> None:
        """Write `_SUCCESS` again for a load that started later and was published at the same time."""
        latest = max(self._later_loads(), default=None)
        if latest is None:
            return
        success = self._folder.read(latest.marker)
        if success not in (b"", _PUBLISHING):
            self._write_success(success)
        self._check_latest()

    def _write_success(self, content: bytes) -> None:
        self._folder.write(SUCCESS, content, temporary_name=self._load.hidden(SUCCESS))

    def _write_marker(self, state: bytes) -> None:
        self._folder.write(self._load.marker, state, temporary_name=self._load.hidden("state"))


def _load_of(name: str) -> LoadId | None:
    """The load that a file belongs to; `None` for other files, and for those of versions that did not number loads."""
    found = _PART.fullmatch(name) or _HIDDEN.fullmatch(name)
    return LoadId(int(found["number"]), found["nonce"]) if found and found["number"] else None
