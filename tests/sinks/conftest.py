"""Fixtures of the tests of sinks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from s3fs import S3FileSystem

from tests.conftest import Warehouse
from tests.sinks.files.folders import attach
from tests.support.s3 import connect_s3, s3_server


@pytest.fixture(params=["sqlite", "postgres", "duckdb", "mysql"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Each test that uses it runs once for each database."""
    warehouse: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return warehouse


@pytest.fixture(scope="session")
def s3() -> Iterator[S3FileSystem]:
    """S3 behind the connection `lake`."""
    with s3_server() as url:
        s3 = connect_s3(url)
        s3.call_s3("create_bucket", Bucket="lake")
        attach(protocol="s3", conn_id="lake", fs=s3)
        yield s3
