"""Assets `hvsms://<account>/<resource>`, as Airflow makes them from the provider info."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.assets.hvsms import create_asset, sanitize_uri

AIRFLOW_2 = int(version("apache-airflow").split(".")[0]) < 3


@pytest.mark.parametrize("resource", ["messages", "batches", "statuses", "opt-outs"])
@pytest.mark.parametrize("account", ["~", "400100200"])
def test_an_asset_is_a_resource_of_an_account(account: str, resource: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Asset(f"hvsms://{account}/{resource}").uri == f"hvsms://{account}/{resource}"
        assert create_asset(account_id=account, resource=resource).uri == f"hvsms://{account}/{resource}"


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("hvsms:///messages", "names no account"),
        ("hvsms://me@400100200/messages", "names no account"),
        ("hvsms://400100200:443/messages", "names no account"),
        ("hvsms://~", "names no resource"),
        ("hvsms://~/calls", "names no resource"),
        ("hvsms://~/messages/7", "names no resource"),
        ("hvsms://~/messages?direction=Inbound", "names no resource"),
        ("hvsms://~/messages#7", "names no resource"),
    ],
)
def test_any_other_uri_is_refused(uri: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        sanitize_uri(urlsplit(uri))


def test_airflow_refuses_an_asset_of_an_unknown_resource() -> None:
    if AIRFLOW_2:
        with pytest.warns(UserWarning, match="names no resource of the message store"):
            Asset("hvsms://~/calls")
    else:
        with pytest.raises(InvalidRequest, match="names no resource of the message store"):
            Asset("hvsms://~/calls")


def test_an_asset_is_made_with_an_extra() -> None:
    assert create_asset(resource="messages", extra={"team": "sms"}).extra == {"team": "sms"}


def test_openlineage_knows_an_asset_by_the_name_that_loads_read_it_by() -> None:
    dataset: Any = translate_airflow_asset(Asset("hvsms://400100200/opt-outs"), None)
    assert (dataset.namespace, dataset.name) == ("hvsms://400100200", "opt-outs")
