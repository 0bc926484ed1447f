"""The files of one folder, in an object store or a file system."""

from __future__ import annotations

import errno
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_hvsms.api.errors import (
    FolderUnavailable,
    HvsmsError,
    UnusableFolder,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

HIDDEN_PREFIX = ".hvsms-"
"""Hides a file: Spark, Hive, Trino and globs do not read it as data."""

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss"})
"""Protocols whose uploads become visible only once complete. Elsewhere a file is uploaded hidden, then renamed."""

_PERMANENT = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
    ImportError,
    ValueError,  # no file system is registered for the scheme; a bucket's name is invalid
)
_PERMANENT_STATUSES = frozenset({400, 401, 403, 404, 405})
"""HTTP statuses in the errors of Azure's clients and of gcsfs."""

_QUERY_OR_LOGIN = re.compile(r"(?<=\?)[^\s'\"]+|(?<=://)[^\s/@'\"]+(?=@)")


class Folder:
    """A folder in any store, whose methods raise `UnusableFolder` or `FolderUnavailable` on failure.

    Files are completed in a local temporary file before they are uploaded. Streaming into the store would be shorter,
    but not every fsspec file system can abort a stream: some publish what they have received.

    :param path: its parents are created where a file system needs that; a bucket or container is never created.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._path = path
        self.display_name = f"{path.protocol}://{path.path}" if path.protocol else path.path

    def prepare(self) -> None:
        """Create the folder if needed, and check that files can be written and removed in it."""
        probe = self._full_path(f"{HIDDEN_PREFIX}{uuid.uuid4().hex}.draft")
        with self._translated_errors():
            if self._fs.isfile(self._path.path):
                raise UnusableFolder(f"{self.display_name} is a file, but a folder is needed. Nothing was written.")
            self.create()
            self._fs.pipe_file(probe, b"Test of write permission.\n")
            self._fs.rm_file(probe)

    def create(self) -> None:
        """Create the folder if the file system needs that."""
        with self._translated_errors():
            if not self._is_object_store:
                self._fs.makedirs(self._path.path, exist_ok=True)

    def list_files(self) -> dict[str, int]:
        """The names of all files, hidden ones included, with their sizes in bytes."""
        return {_name_of(entry): entry["size"] for entry in self._entries() if entry["type"] == "file"}

    def list_folders(self) -> list[str]:
        """The names of the folders in this one."""
        return [_name_of(entry) for entry in self._entries() if entry["type"] == "directory"]

    def subfolder(self, name: str) -> Folder:
        return Folder(self._path / name)

    def _entries(self) -> list[dict[str, Any]]:
        with self._translated_errors():
            # Some file systems cache listings, even from one load to the next.
            self._fs.invalidate_cache(self._path.path)
            try:
                found: list[dict[str, Any]] = self._fs.ls(self._path.path, detail=True)
            except FileNotFoundError:
                return []
            return found

    def upload(self, name: str, file: IO[bytes]) -> None:
        """Upload a local file under a hidden name; it may be visible before it is complete.

        :param file: a file with a descriptor; it needs no name.
        """
        file.flush()
        file.seek(0)
        with self._translated_errors():
            self._fs.put_file(f"/dev/fd/{file.fileno()}", self._full_path(name))

    def write(self, name: str, content: bytes, *, temporary_name: str) -> None:
        """Write or replace a small file atomically.

        :param temporary_name: a hidden name that a file system uses until the content is complete.
        """
        with self._translated_errors():
            if self._is_object_store:
                self._fs.pipe_file(self._full_path(name), content)
            else:
                self._fs.pipe_file(self._full_path(temporary_name), content)
                self._fs.mv(self._full_path(temporary_name), self._full_path(name))

    def read(self, name: str) -> bytes:
        """The content of a file; empty if there is no such file."""
        with self._translated_errors():
            try:
                content: bytes = self._fs.cat_file(self._full_path(name))
            except FileNotFoundError:
                return b""
            return content

    def rename(self, names: Mapping[str, str]) -> None:
        """Rename files, replacing those that have the new names.

        A file system renames one after another. An object store copies all of them at once, then removes the sources.
        """
        sources, targets = list(map(self._full_path, names.keys())), list(map(self._full_path, names.values()))
        with self._translated_errors():
            if not self._is_object_store:
                for source, target in zip(sources, targets, strict=True):
                    self._fs.mv(source, target)
            elif sources:
                self._fs.copy(sources, targets)
                self.remove(names)  # `rm` would treat brackets in a path as a pattern

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that do not exist are skipped."""
        with self._translated_errors():
            for name in names:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(self._full_path(name))

    @property
    def _fs(self) -> Any:
        return self._path.fs

    @property
    def _is_object_store(self) -> bool:
        protocol = self._fs.protocol
        return not _OBJECT_STORES.isdisjoint((protocol,) if isinstance(protocol, str) else protocol)

    def _full_path(self, name: str) -> str:
        return f"{self._path.path.rstrip('/')}/{name}"

    def _translated_errors(self) -> AbstractContextManager[None]:
        return translated_errors(
            self.display_name,
            lost="The load did not complete.",
            advice="Check that the bucket or container exists, and that files in the folder can be listed, written and "
            "removed.",
        )


@contextmanager
def translated_errors(display_name: str, *, lost: str, advice: str) -> Iterator[None]:
    """Raise errors that name a file or folder and the cause's first line, without credentials.

    :param lost: a sentence: what was not done.
    :param advice: a sentence: what to check if the error is permanent.
    """
    try:
        yield
    except HvsmsError:
        raise
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0].rstrip(".")
        message = (
            f"{display_name} cannot be used: {type(error).__name__}: {_QUERY_OR_LOGIN.sub('…', first_line)}. {lost}"
        )
        if _is_permanent(error):
            raise UnusableFolder(f"{message} {advice}") from None
        raise FolderUnavailable(f"{message} Run the task again.") from None


def _name_of(entry: dict[str, Any]) -> str:
    name: str = entry["name"]
    return name.rstrip("/").rpartition("/")[2]


def _is_permanent(error: Exception) -> bool:
    status = getattr(error, "status_code", getattr(error, "code", None))
    return (
        isinstance(error, _PERMANENT)
        or getattr(error, "errno", None) == errno.EROFS
        or status in _PERMANENT_STATUSES
        or str(error).startswith("Forbidden: ")  # gcsfs raises a bare OSError
    )
