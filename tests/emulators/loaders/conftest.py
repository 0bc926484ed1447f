"""A lake in an emulated S3, from which warehouses load."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

MISSING = "EMULATOR=loaders scripts/setup installs the providers of Amazon, Databricks and Snowflake"
pytest.importorskip("airflow.providers.amazon", reason=MISSING)
pytest.importorskip("airflow.providers.databricks", reason=MISSING)
pytest.importorskip("fakesnow", reason=MISSING)

from moto.server import ThreadedMotoServer  # noqa: E402 - the skips come first

from tests.dags.conftest import run_example  # noqa: E402
from tests.dags.hashed_run import run_hashed  # noqa: E402
from tests.emulators.loaders.lake import BUCKET, Lake  # noqa: E402

__all__ = ["run_example", "run_hashed"]  # fixtures


@pytest.fixture(scope="session")
def s3() -> Iterator[Lake]:
    """One for all tests, because Airflow keeps the client of a connection."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    lake = Lake(f"http://{host}:{port}")
    lake.client.create_bucket(Bucket=BUCKET)
    yield lake
    server.stop()


@pytest.fixture
def lake(s3: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The bucket of the examples, empty, behind the connection `aws_default`."""
    extra = {"endpoint_url": s3.url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": s3.key_id, "password": s3.key, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    for key in s3.keys(""):
        s3.client.delete_object(Bucket=BUCKET, Key=key)
    return s3
