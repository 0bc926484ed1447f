"""Folders in a file system, in memory and in S3."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.memory import MemoryFileSystem

from tests.sinks.files.folders import attach


@pytest.fixture
def folder(tmp_path: Path) -> ObjectStoragePath:
    return ObjectStoragePath(f"file://{tmp_path}/messages/2026-11-01")


@pytest.fixture(params=["file", "memory", "s3"])
def any_folder(request: pytest.FixtureRequest, folder: ObjectStoragePath) -> ObjectStoragePath:
    """A folder in each store: a test that uses it runs once per store."""
    if request.param == "file":
        return folder
    path = f"{request.param}://lake@lake/{os.urandom(4).hex()}/2026-11-01"
    if request.param == "memory":
        attach(protocol="memory", conn_id="lake", fs=MemoryFileSystem())
    else:
        request.getfixturevalue("s3")
    return ObjectStoragePath(path)
