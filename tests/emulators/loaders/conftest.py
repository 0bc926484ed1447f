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
from tests.emulators.loaders.lake import BUCKET, Lake  # noqa: E402

__all__ = ["run_example"]  # a fixture


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The bucket of the examples, behind the connection `aws_default`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    lake = Lake(f"http://{host}:{port}")
    extra = {"endpoint_url": lake.url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": lake.key_id, "password": lake.key, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    lake.client.create_bucket(Bucket=BUCKET)
    yield lake
    server.stop()
