"""The files of one folder, in any object store or file system."""

from __future__ import annotations

import errno
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_hvsms.api.errors import (
    FolderUnavailable,
    HvsmsError,
    UnusableFolder,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss"})
"""Where an upload shows only when it is complete. Elsewhere a file is uploaded under another name, then renamed."""

DRAFT_PREFIX = ".hvsms-"
"""Makes a file hidden, and so no data to Spark, Hive, Trino or a glob."""

_NOT_CURED_BY_TIME = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
    ImportError,
    ValueError,  # no file system is registered for the scheme; a bucket's name is not one
)
_QUERY_OR_LOGIN = re.compile(r"(?<=\?)[^\s'\"]+|(?<=://)[^\s/@'\"]+(?=@)")


class Folder:
    """A folder of any store, whose troubles are explained.

    What is to be written is first completed in a local temporary file. Streaming into the store would be shorter, but
    not every fsspec file system can take back a stream that was broken off: some publish what they have.

    :param path: its parents are made where a file system needs that; a bucket or container is never made.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._path = path
        self._shown = f"{path.protocol}://{path.path}" if path.protocol else path.path

    def prepare(self) -> None:
        """Make sure that files can be written and removed here."""
        probe = self._at(f"{DRAFT_PREFIX}{uuid.uuid4().hex}.draft")
        with self._explaining():
            if self._fs.isfile(self._path.path):
                raise UnusableFolder(f"{self._shown} is a file, but a folder is needed. Nothing was written.")
            if not self._is_object_store:
                self._fs.makedirs(self._path.path, exist_ok=True)
            self._fs.pipe_file(probe, b"Can a file be written here?\n")
            self._fs.rm_file(probe)

    def files(self) -> dict[str, int]:
        """The files, hidden ones too, with their sizes in bytes."""
        with self._explaining():
            # Some file systems remember listings, also across loads.
            self._fs.invalidate_cache(self._path.path)
            try:
                found = self._fs.ls(self._path.path, detail=True)
            except FileNotFoundError:
                return {}
            return {file["name"].rpartition("/")[2]: file["size"] for file in found if file["type"] == "file"}

    def upload(self, name: str, file: IO[bytes]) -> None:
        """Write a local file's bytes under a hidden name, which may show before they are complete.

        :param file: a real file; it needs no name.
        """
        file.flush()
        file.seek(0)
        with self._explaining():
            self._fs.put_file(f"/dev/fd/{file.fileno()}", self._at(name))

    def write(self, name: str, content: bytes, *, draft: str) -> None:
        """Put a small file in place of what was there, at once.

        :param draft: a hidden name that it may have for a moment.
        """
        with self._explaining():
            if self._is_object_store:
                self._fs.pipe_file(self._at(name), content)
            else:
                self._fs.pipe_file(self._at(draft), content)
                self._fs.mv(self._at(draft), self._at(name))

    def read(self, name: str) -> bytes:
        """The bytes of a file; none if it is gone."""
        with self._explaining():
            try:
                content: bytes = self._fs.cat_file(self._at(name))
            except FileNotFoundError:
                return b""
            return content

    def move(self, names: Mapping[str, str]) -> None:
        """Give files other names, in place of what was there.

        In a file system each is renamed, in an object store all are copied at once, and then removed.
        """
        sources, targets = list(map(self._at, names.keys())), list(map(self._at, names.values()))
        with self._explaining():
            if not self._is_object_store:
                for source, target in zip(sources, targets, strict=True):
                    self._fs.mv(source, target)
            elif sources:
                self._fs.copy(sources, targets)
                self.remove(names)  # `rm` would take brackets in a path for a pattern

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, those that are still there."""
        with self._explaining():
            for name in names:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(self._at(name))

    @property
    def _fs(self) -> Any:
        return self._path.fs

    @property
    def _is_object_store(self) -> bool:
        protocol = self._fs.protocol
        return not _OBJECT_STORES.isdisjoint((protocol,) if isinstance(protocol, str) else protocol)

    def _at(self, name: str) -> str:
        return f"{self._path.path.rstrip('/')}/{name}"

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Say in an error which folder it is about and what its cause was, without a credential or a cause's rest."""
        try:
            yield
        except HvsmsError:
            raise
        except Exception as error:
            first_line = str(error).strip().partition("\n")[0]
            message = (
                f"{self._shown} cannot be used: {type(error).__name__}: {_QUERY_OR_LOGIN.sub('…', first_line)}. "
                "The load's files were not published."
            )
            if isinstance(error, _NOT_CURED_BY_TIME) or getattr(error, "errno", None) == errno.EROFS:
                raise UnusableFolder(
                    f"{message} The folder must be one in which files can be listed, written and removed; "
                    "its bucket or container must exist."
                ) from None
            raise FolderUnavailable(message) from None
