"""Reads a report from storage, and nothing else: paths come from XCom, which DAGs and users write."""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import FolderUnavailable, NotFound
from airflow_provider_hvsms.reports.generator import GENERATOR_TAG

MAX_BYTES = 32 * 1024 * 1024
"""A report of a year has less than two megabytes; a page is held in memory while it is sent."""
HEAD_BYTES = 4096

log = logging.getLogger(__name__)


def read_report(path: str) -> bytes:
    """Return the page at a path, with the connection that the path names.

    One message for everything that is no report: it must not tell which files the API server has.

    :raises NotFound: there is no file, or it is not a report of this package.
    :raises FolderUnavailable: the storage or its connection refuses, or cannot be reached.
    """
    page = _read(path) if _is_acceptable(path) else None
    if page is None or not _is_report(page):
        raise NotFound(
            "There is no delivery report at the path that the task returned. The file was moved, deleted or changed, "
            "or is on the disk of a worker, which the API server cannot read. Write reports into object storage."
        )
    return page


def _is_acceptable(path: str) -> bool:
    """A page, and no chain of file systems, which could reach through one storage to another."""
    return path.endswith(".html") and "::" not in path


def _is_report(page: bytes) -> bool:
    head = page[:HEAD_BYTES].lower()
    return len(page) <= MAX_BYTES and head.startswith(b"<!doctype html>") and GENERATOR_TAG.encode() in head


def _read(path: str) -> bytes | None:
    """Read a file, one byte more than a report may have; null if there is none."""
    try:
        file: Any = ObjectStoragePath(path)  # untyped in part
        # Not `is_file`, which answers a refusal with no. A pipe is no file, and reading it would never end.
        if file.fs.info(file.path)["type"] != "file":
            return None
        with file.open("rb") as opened:
            content: bytes = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except Exception as error:  # each storage has its own errors
        # Without the error's text: it may quote the address of the storage with its credentials.
        log.warning("The storage of a delivery report could not be read: %s", type(error).__name__)
        raise FolderUnavailable(
            "The storage of the delivery report could not be read. Check that the connection in its path exists, "
            "that it may read the file, and that the provider of the storage is installed where the API server runs."
        ) from error
    return content
