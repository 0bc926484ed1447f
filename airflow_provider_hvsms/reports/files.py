"""The files of a report: the page, and its numbers beside it."""

from __future__ import annotations

import dataclasses
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_hvsms.api.errors import HvsmsError
from airflow_provider_hvsms.sinks.files.folder import HIDDEN_PREFIX, Folder

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

NAME = "delivery_report"
"""Of the files in a folder that is for reports."""

PAGE_SUFFIX = ".html"


@dataclasses.dataclass(frozen=True)
class ReportFiles:
    """Where a report is written.

    :param folder: of both files.
    :param name: of both, without a suffix.
    """

    folder: ObjectStoragePath
    name: str

    @classmethod
    def at(cls, path: ObjectStoragePath) -> ReportFiles:
        """The files for a path: if it ends in `.html`, it is the page; else, it is a folder."""
        if path.name.lower().endswith(PAGE_SUFFIX):
            return cls(path.parent, path.name[: -len(PAGE_SUFFIX)])
        return cls(path, NAME)

    @property
    def page(self) -> ObjectStoragePath:
        return self.folder / f"{self.name}{PAGE_SUFFIX}"

    @property
    def json(self) -> ObjectStoragePath:
        return self.folder / f"{self.name}.json"

    def prepare(self) -> None:
        """Create the folder if needed, and check that files can be written in it.

        :raises UnusableFolder: they cannot.
        :raises FolderUnavailable: the store did not answer.
        """
        Folder(self.folder).prepare()

    def write(self, *, page: str, json: bytes) -> None:
        """Write both files, or replace them: no reader sees a part of one.

        :raises UnusableFolder: the store refused it.
        :raises FolderUnavailable: the store did not answer. What was there is kept, unless it broke off between the
            two files.
        """
        _write_all(Folder(self.folder), {self.json.name: json, self.page.name: page.encode()})


def _write_all(folder: Folder, contents: Mapping[str, bytes]) -> None:
    drafts = {f"{HIDDEN_PREFIX}{uuid.uuid4().hex}.draft": name for name in contents}
    try:
        for draft, name in drafts.items():
            with tempfile.TemporaryFile() as file:
                file.write(contents[name])
                folder.upload(draft, file)
        folder.rename(drafts)
    except BaseException:
        with suppress(HvsmsError):
            folder.remove(drafts)
        raise
