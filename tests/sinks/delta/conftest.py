"""Delta tables in a file system and in S3."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath


@pytest.fixture
def folder(tmp_path: Path) -> ObjectStoragePath:
    return ObjectStoragePath(f"file://{tmp_path}/lake/messages")


@pytest.fixture(params=["file", "s3"])
def any_folder(request: pytest.FixtureRequest, folder: ObjectStoragePath) -> ObjectStoragePath:
    """A folder in each store: a test that uses it runs once per store."""
    if request.param == "file":
        return folder
    request.getfixturevalue("s3")
    return ObjectStoragePath(f"s3://lake@lake/{os.urandom(4).hex()}/messages")
