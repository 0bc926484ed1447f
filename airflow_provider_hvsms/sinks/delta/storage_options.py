"""Where a table is and how deltalake logs in there, from the file system that Airflow made of its connection."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_hvsms.api.errors import InvalidSettings, UnusableFolder

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


@dataclasses.dataclass(frozen=True)
class Location:
    """A table's place in the form that deltalake takes.

    :param options: `storage_options`; they may hold credentials.
    """

    uri: str
    options: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


def locate(path: ObjectStoragePath) -> Location:
    """The location of a folder. Call it again for each load: credentials may expire.

    :raises UnusableFolder: deltalake cannot write to this kind of storage.
    :raises InvalidSettings: the connection logs in in a way that deltalake does not support.
    """
    protocol = path.protocol or "file"
    if protocol not in _STORES:
        raise UnusableFolder(
            f"format 'delta' cannot be used with {protocol}://. "
            "It works with local folders (file://), S3 (s3://), Google Cloud Storage (gs://) and Azure (abfss://)."
        )
    scheme, options = _STORES[protocol]
    place = path.path.strip("/")
    return Location(f"{scheme}://{'/' if scheme == 'file' else ''}{place}", options(path))


@contextmanager
def only_given_credentials(location: Location) -> Iterator[None]:
    """Hide the session token of the environment, which deltalake would send beside keys that have none."""
    has_keys = "aws_access_key_id" in location.options and "aws_session_token" not in location.options
    token = os.environ.pop("AWS_SESSION_TOKEN", None) if has_keys else None
    try:
        yield
    finally:
        if token is not None:
            os.environ["AWS_SESSION_TOKEN"] = token


def _no_options(_: ObjectStoragePath) -> dict[str, str]:
    return {}


def _s3_options(path: ObjectStoragePath) -> dict[str, str]:
    """Options for s3fs: its keys, or what its session resolves, such as a role or the instance's profile."""
    fs: Any = path.fs
    client = fs.s3
    region = _bucket_region(fs, path.path.strip("/").partition("/")[0]) or client.meta.region_name
    options = {
        # A commit is a put that fails if the file exists: two writers need no lock.
        "aws_conditional_put": "etag",
        "aws_region": region if region and region != "aws-global" else "us-east-1",
        **_s3_credentials(fs),
    }
    endpoint = fs.endpoint_url or fs.client_kwargs.get("endpoint_url")
    if endpoint:
        options["aws_endpoint_url"] = endpoint
        options["allow_http"] = str(endpoint.startswith("http://")).lower()
    return options


def _bucket_region(fs: Any, bucket: str) -> str | None:
    """The region of a bucket of AWS: boto finds it by following redirects, deltalake has to know it."""
    if fs.endpoint_url or fs.client_kwargs.get("endpoint_url"):
        return None
    region: str | None = fs.call_s3("head_bucket", Bucket=bucket).get("BucketRegion")
    return region


def _s3_credentials(fs: Any) -> dict[str, str]:
    if fs.anon:
        return {"aws_skip_signature": "true"}
    key, secret, token = fs.key, fs.secret, fs.token
    if not key:
        credentials = _awaited(fs, fs.session.get_credentials)
        if credentials is None:
            return {}
        frozen = _awaited(fs, credentials.get_frozen_credentials)
        key, secret, token = frozen.access_key, frozen.secret_key, frozen.token
    found = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
    return {name: value for name, value in found.items() if value}


def _awaited(fs: Any, function: Callable[[], Any]) -> Any:
    """What a function of botocore returns, or of aiobotocore, where some are coroutines."""
    from fsspec.asyn import sync

    async def call() -> Any:
        result = function()
        return await result if inspect.isawaitable(result) else result

    return sync(fs.loop, call)


def _gcs_options(path: ObjectStoragePath) -> dict[str, str]:
    """Options from the connection: a service account's key, or else Application Default Credentials."""
    # Airflow 3.3 moved it.
    conn_id = getattr(path, "conn_id", None) or path.storage_options.get("conn_id")
    extra = _connection_extra(conn_id) if conn_id else {}
    if unsupported := _UNSUPPORTED_BY_GCS & extra.keys():
        raise InvalidSettings(
            f"Connection {conn_id!r} has {', '.join(sorted(unsupported))}, which format 'delta' cannot log in with. "
            "Give it keyfile_dict or key_path, or neither for Application Default Credentials."
        )
    if keyfile := extra.get("keyfile_dict"):
        return {"google_service_account_key": keyfile if isinstance(keyfile, str) else json.dumps(keyfile)}
    return {"google_service_account": extra["key_path"]} if extra.get("key_path") else {}


_UNSUPPORTED_BY_GCS = frozenset(
    {"key_secret_name", "credential_config_file", "impersonation_chain", "is_anonymous", "gcs.endpoint"}
)


def _connection_extra(conn_id: str) -> dict[str, Any]:
    from airflow.providers.common.compat.sdk import BaseHook

    extra = BaseHook.get_connection(conn_id).extra_dejson
    # Airflow's connection forms stored names with this prefix once.
    return {name.removeprefix("extra__google_cloud_platform__"): value for name, value in extra.items() if value}


def _azure_options(path: ObjectStoragePath) -> dict[str, str]:
    """Options for adlfs. Without a secret, deltalake uses the managed identity."""
    fs: Any = path.fs
    given = {
        "azure_storage_account_name": fs.account_name,
        "azure_storage_account_key": fs.account_key,
        "azure_storage_sas_key": fs.sas_token,
        "azure_storage_client_id": fs.client_id,
        "azure_storage_client_secret": fs.client_secret,
        "azure_storage_tenant_id": fs.tenant_id,
        **_of_connection_string(fs.connection_string or ""),
    }
    options = {name: str(value) for name, value in given.items() if value}
    if options.get("azure_storage_endpoint", "").startswith("http://"):
        options["allow_http"] = "true"
    return options


_CONNECTION_STRING = {
    "AccountName": "azure_storage_account_name",
    "AccountKey": "azure_storage_account_key",
    "SharedAccessSignature": "azure_storage_sas_key",
    "BlobEndpoint": "azure_storage_endpoint",
}


def _of_connection_string(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(";"))
    return {_CONNECTION_STRING[name]: value for name, _, value in parts if name in _CONNECTION_STRING}


_Options = Callable[["ObjectStoragePath"], dict[str, str]]

_STORES: dict[str, tuple[str, _Options]] = {
    "file": ("file", _no_options),
    "local": ("file", _no_options),
    **dict.fromkeys(("s3", "s3a", "s3n"), ("s3", _s3_options)),
    **dict.fromkeys(("gs", "gcs"), ("gs", _gcs_options)),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), ("az", _azure_options)),
}
