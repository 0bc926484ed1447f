"""deltalake logs in with what Airflow's connection says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from botocore.credentials import Credentials
from fsspec.implementations.memory import MemoryFileSystem
from s3fs import S3FileSystem

from airflow_provider_hvsms.api.errors import InvalidSettings, UnusableFolder
from airflow_provider_hvsms.sinks.delta.folder import DeltaFolder
from airflow_provider_hvsms.sinks.delta.packages import import_packages
from airflow_provider_hvsms.sinks.delta.partition import Partition
from airflow_provider_hvsms.sinks.delta.storage_options import Location, locate
from airflow_provider_hvsms.sinks.delta.table import Table
from airflow_provider_hvsms.sinks.schema import MESSAGES
from tests.sinks.files.folders import attach


def attached(protocol: str, fs: Any) -> ObjectStoragePath:
    """The bucket `lake` in a file system, under a connection's name that no other test has used."""
    conn_id = os.urandom(4).hex()
    attach(protocol=protocol, conn_id=conn_id, fs=fs)
    return ObjectStoragePath(f"{protocol}://{conn_id}@lake")


def test_a_local_folder_needs_no_options() -> None:
    assert locate(ObjectStoragePath("file:///lake/messages/")) == Location("file:///lake/messages", {})


def test_another_storage_is_refused() -> None:
    attach(protocol="memory", conn_id="lake", fs=MemoryFileSystem())
    with pytest.raises(
        UnusableFolder, match="format 'delta' cannot be used with memory://. It works with local folders"
    ):
        locate(ObjectStoragePath("memory://lake@lake/messages"))


def s3_location(**options: Any) -> Location:
    region = {"client_kwargs": {"region_name": "eu-west-3"}}
    fs = S3FileSystem(skip_instance_cache=True, **{"endpoint_url": "https://s3.example.com", **region, **options})
    return locate(attached("s3", fs) / "some" / "messages")


def test_s3_is_used_with_the_keys_endpoint_and_region_of_the_connection() -> None:
    found = s3_location(key="key", secret="secret")
    assert found.uri == "s3://lake/some/messages"
    assert found.options == {
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "aws_endpoint_url": "https://s3.example.com",
        "aws_region": "eu-west-3",
        "aws_conditional_put": "etag",
        "allow_http": "false",
    }


def test_plain_http_is_used_only_if_the_endpoint_says_so() -> None:
    assert s3_location(key="key", secret="secret", endpoint_url="http://127.0.0.1:9").options["allow_http"] == "true"


def test_credentials_that_the_session_resolves_are_passed_with_their_token() -> None:
    class RoleSession:
        """A session as the connection of a role gives it: its methods are coroutines."""

        async def get_credentials(self) -> Any:
            async def get_frozen_credentials() -> Any:
                return Credentials("key", "secret", "token").get_frozen_credentials()

            return SimpleNamespace(get_frozen_credentials=get_frozen_credentials)

    fs = S3FileSystem(
        key="for the client", secret="only", endpoint_url="https://s3.example.com", skip_instance_cache=True
    )
    assert fs.s3
    fs.key, fs.secret, fs.session = None, None, RoleSession()
    found = locate(attached("s3", fs) / "messages").options
    assert found["aws_access_key_id"] == "key"
    assert found["aws_secret_access_key"] == "secret"
    assert found["aws_session_token"] == "token"


def test_a_token_of_the_environment_is_not_sent_beside_the_keys_of_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of the worker")
    with recording_server() as (url, tokens):
        fs = S3FileSystem(key="key", secret="secret", endpoint_url=url, skip_instance_cache=True)
        table = Table(DeltaFolder(attached("s3", fs) / "messages"), MESSAGES, Partition.of(MESSAGES), import_packages())
        with pytest.raises(UnusableFolder):
            table.read()
    assert tokens
    assert set(tokens) == {None}
    assert os.environ["AWS_SESSION_TOKEN"] == "of the worker"


@contextmanager
def recording_server() -> Iterator[tuple[str, list[str | None]]]:
    """A server that denies everything; its URL, and the session token of each request."""
    tokens: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers.get("x-amz-security-token"))
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Keep the output of the tests free of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", tokens
        server.shutdown()


def test_options_are_not_shown() -> None:
    assert "secret" not in repr(s3_location(key="key", secret="secret"))


def gcs_location(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> Location:
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE", json.dumps(connection))
    attach(protocol="gs", conn_id="google", fs=MemoryFileSystem())
    return locate(ObjectStoragePath("gs://google@lake/messages"))


def test_google_is_used_with_the_key_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    found = gcs_location(monkeypatch, keyfile_dict='{"client_email": "a"}')
    assert found == Location("gs://lake/messages", {"google_service_account_key": '{"client_email": "a"}'})
    found = gcs_location(monkeypatch, key_path="/keys/google.json")
    assert found.options == {"google_service_account": "/keys/google.json"}


def test_google_is_used_with_default_credentials_if_the_connection_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gcs_location(monkeypatch, project="analytics").options == {}


def test_a_google_login_that_deltalake_does_not_support_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettings, match="Connection 'google' has impersonation_chain, which format 'delta'"):
        gcs_location(monkeypatch, impersonation_chain="someone@example.com")


def azure_like(**given: Any) -> Any:
    """A file system with the attributes of adlfs's."""
    fs = MemoryFileSystem(skip_instance_cache=True)
    names = ("account_name", "account_key", "sas_token", "client_id", "client_secret", "tenant_id")
    for name in (*names, "connection_string"):
        setattr(fs, name, given.get(name))
    return fs


def azure_options(**given: Any) -> Any:
    found = locate(attached("abfss", azure_like(**given)) / "messages")
    assert found.uri == "az://lake/messages"
    return found.options


def test_azure_is_used_with_the_key_or_the_service_principal_of_the_connection() -> None:
    assert azure_options(account_name="account", account_key="key") == {
        "azure_storage_account_name": "account",
        "azure_storage_account_key": "key",
    }
    principal = {"client_id": "id", "client_secret": "secret", "tenant_id": "tenant"}
    expected = {f"azure_storage_{name}": value for name, value in principal.items()}
    assert azure_options(account_name="account", **principal) == {**expected, "azure_storage_account_name": "account"}


def test_azure_is_used_with_a_connection_string() -> None:
    text = "DefaultEndpointsProtocol=http;AccountName=dev;AccountKey=a2V5==;BlobEndpoint=http://127.0.0.1:10000/dev;"
    assert azure_options(connection_string=text) == {
        "azure_storage_account_name": "dev",
        "azure_storage_account_key": "a2V5==",
        "azure_storage_endpoint": "http://127.0.0.1:10000/dev",
        "allow_http": "true",
    }
