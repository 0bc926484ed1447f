"""Assets `hvsms://<account>/<resource>`: how their URIs are checked, made, and named for OpenLineage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.utils.lineage import name_resource

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

RESOURCES = ("messages", "batches", "statuses", "opt-outs")


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check the URI of an asset; Airflow does, as soon as the asset is made.

    :raises InvalidRequest: it is not `hvsms://<account>/<resource>`.
    """
    resource = uri.path.strip("/")
    if not uri.netloc or "@" in uri.netloc or ":" in uri.netloc:
        raise InvalidRequest(
            f"The URI {uri.geturl()!r} names no account. Write hvsms://<account>/<resource>, such as "
            "hvsms://~/messages; ~ is the account of the user who logs in."
        )
    if resource not in RESOURCES or uri.query or uri.fragment:
        raise InvalidRequest(
            f"The URI {uri.geturl()!r} names no resource of the message store. Write hvsms://<account>/<resource>, and "
            f"nothing after it. The resource is one of: {', '.join(RESOURCES)}."
        )
    return uri._replace(path=f"/{resource}")


def create_asset(*, resource: str, account_id: str = "~", extra: Mapping[str, Any] | None = None) -> Asset:
    """The asset of a resource of the message store.

    For example::

        messages = create_asset(resource="messages")

    :param resource: `messages`, `batches`, `statuses` or `opt-outs`.
    :param account_id: as in the connection; `~` by default, the account of the user who logs in.
    :raises InvalidRequest: there is no such resource.
    """
    uri = sanitize_uri(urlsplit(f"hvsms://{account_id}/{resource}")).geturl()
    return Asset(uri=uri, extra=dict(extra or {}))


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:  # noqa: ARG001 - what Airflow calls it with
    """The dataset of an asset, by the name that the operators give to what they read."""
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    uri = urlsplit(asset.uri)
    name = name_resource(uri.netloc, uri.path.strip("/"))
    return OpenLineageDataset(namespace=name.namespace, name=name.name)
