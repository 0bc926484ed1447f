"""The folder of a Delta table: its data files, and what else may be in it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_hvsms.api.errors import UnusableFolder
from airflow_provider_hvsms.sinks.files.folder import Folder

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

_LOG = "_delta_log"
_DECORATION = re.compile("\x1b\\[[0-9;]*m|↳")
"""What deltalake adds to the lines of a message for a terminal."""
_DENIED = re.compile(
    r"\b40[134]\b|AccessDenied|Forbidden|Permission ?Denied|NoSuchBucket|ContainerNotFound", re.IGNORECASE
)
"""In deltalake's messages about a request that would be denied again."""


class DeltaFolder(Folder):
    """A folder whose data files are read and written by Airflow's file system, and its log by deltalake."""

    def __init__(self, path: ObjectStoragePath) -> None:
        super().__init__(path)
        self.name = f"{path.protocol}://{path.path}" if path.protocol else path.path

    @property
    def path(self) -> ObjectStoragePath:
        return self._path

    def check_unused(self) -> None:
        """Check that the folder, which is no Delta table, holds no files of another load either."""
        if any(name == "_SUCCESS" or name.startswith("part-") for name in self.list_files()):
            raise UnusableFolder(
                f"{self.name} holds files of another format, and no Delta table. Nothing was written. "
                "Choose another folder for format 'delta'."
            )

    def has_table(self) -> bool:
        """Whether the folder is a Delta table, also one that deltalake cannot read."""
        with self._translated_errors():
            self._fs.invalidate_cache(self._path.path)
            return bool(self._fs.exists(self._full_path(_LOG)))

    def upload_data_file(self, name: str, file: IO[bytes]) -> None:
        """Upload a local file under a name that may hold the folder of a partition."""
        with self._translated_errors():
            if not self._is_object_store:
                self._fs.makedirs(self._full_path(name).rpartition("/")[0], exist_ok=True)
        self.upload(name, file)

    @contextmanager
    def downloaded(self, name: str) -> Iterator[IO[bytes]]:
        """A local copy of a data file, for the time of the block.

        :param name: as the table's log has it, encoded like a URL.
        """
        with tempfile.TemporaryFile() as copy:
            with self._translated_errors(), self._fs.open(self._full_path(unquote(name)), "rb") as file:
                shutil.copyfileobj(file, copy, 1024 * 1024)
            copy.seek(0)
            yield copy

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """A data file, of which only what is asked for is read.

        :param name: as the table's log has it, encoded like a URL.
        """
        with self._translated_errors(), self._fs.open(self._full_path(unquote(name)), "rb") as file:
            yield file

    @contextmanager
    def translated_errors(self, delta: Any) -> Iterator[None]:
        """Raise this package's errors for those of deltalake."""
        with self._translated_errors():
            try:
                yield
            except (delta.exceptions.DeltaError, OSError) as error:
                # The first of its lines only says which store it is.
                text = " ".join(_DECORATION.sub("", str(error)).split())
                raise (PermissionError if _DENIED.search(text) else OSError)(text) from None


def check_no_table(path: ObjectStoragePath, format_name: str) -> None:
    """Check that a folder for files of another format is no Delta table.

    :raises UnusableFolder: it is one.
    """
    folder = DeltaFolder(path)
    if folder.has_table():
        raise UnusableFolder(
            f"{folder.name} is a Delta table, and format is {format_name!r}. Nothing was written. "
            "Choose another folder, or format 'delta'."
        )
