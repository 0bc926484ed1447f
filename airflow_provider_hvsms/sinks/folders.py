"""Files that appear whole in one folder of any object store or file system."""

from __future__ import annotations

import errno
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_hvsms.api.errors import FinalError, HvsmsError, PassingError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss"})
"""Where an upload shows only when it is complete. Elsewhere a file is uploaded under another name, then renamed."""

_DRAFT = re.compile(r"\.hvsms-[0-9a-f]{32}\.draft")
"""Hidden, and so no data to Spark, Hive, Trino or a glob."""

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


class UnusableFolder(FinalError):
    """The folder cannot be written to, listed or cleared: somebody has to change the path or a permission."""


class FolderUnavailable(PassingError):
    """The store did not answer, or not well."""


class Folder:
    """A folder whose files appear whole, under their name, or not at all.

    What is to be written is first completed in a local temporary file. Streaming into the store would be shorter, but
    not every fsspec file system can take back a stream that was broken off: some publish what they have.

    :param path: its parents are made where a file system needs that; a bucket or container is never made.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._path = path
        self._shown = f"{path.protocol}://{path.path}" if path.protocol else path.path

    def prepare(self) -> None:
        """Make sure that files can be written and removed here, and remove the drafts that a killed process left."""
        with self._explaining():
            if self._fs.isfile(self._path.path):
                raise UnusableFolder(f"{self._shown} is a file, but a folder is needed. Nothing was written.")
            if not self._is_object_store:
                self._fs.makedirs(self._path.path, exist_ok=True)
            draft = self._draft()
            self._fs.pipe_file(draft, b"Can a file be written here?\n")
            self._fs.rm_file(draft)
        self.remove(lambda name: bool(_DRAFT.fullmatch(name)))

    def put(self, name: str, file: IO[bytes]) -> None:
        """Publish a local file's bytes under a name, in place of what was there.

        :param file: a real file; it needs no name.
        """
        file.flush()
        file.seek(0)
        source, target = f"/dev/fd/{file.fileno()}", self._at(name)
        with self._explaining():
            if self._is_object_store:
                self._fs.put_file(source, target)
            else:
                self._put_and_rename(source, target)

    def remove(self, is_unwanted: Callable[[str], bool]) -> None:
        """Remove the files with such names; folders stay."""
        with self._explaining():
            for name in filter(is_unwanted, self._names()):
                with suppress(FileNotFoundError):
                    self._fs.rm_file(self._at(name))

    @property
    def _fs(self) -> Any:
        return self._path.fs

    @property
    def _is_object_store(self) -> bool:
        protocol = self._fs.protocol
        return not _OBJECT_STORES.isdisjoint((protocol,) if isinstance(protocol, str) else protocol)

    def _put_and_rename(self, source: str, target: str) -> None:
        draft = self._draft()
        try:
            self._fs.put_file(source, draft)
            self._fs.mv(draft, target)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(draft)
            raise

    def _names(self) -> list[str]:
        # Some file systems remember listings, also across loads.
        self._fs.invalidate_cache(self._path.path)
        try:
            found = self._fs.ls(self._path.path, detail=True)
        except FileNotFoundError:
            return []
        return [file["name"].rpartition("/")[2] for file in found if file["type"] == "file"]

    def _draft(self) -> str:
        return self._at(f".hvsms-{uuid.uuid4().hex}.draft")

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
                "No _SUCCESS was written."
            )
            if isinstance(error, _NOT_CURED_BY_TIME) or getattr(error, "errno", None) == errno.EROFS:
                raise UnusableFolder(
                    f"{message} The folder must be one in which files can be listed, written and removed; "
                    "its bucket or container must exist."
                ) from None
            raise FolderUnavailable(message) from None
