"""Which connections are loaded as a warehouse's, and what is said if the provider for one is missing."""

from __future__ import annotations

import importlib.util
import json

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import MissingPackage
from airflow_provider_hvsms.sinks.schema import MESSAGES
from airflow_provider_hvsms.sinks.warehouses.registry import EXTRAS, find_warehouse
from airflow_provider_hvsms.transfers.targets import TableTarget
from tests.conftest import Warehouse


@pytest.mark.parametrize("conn_type", EXTRAS)
def test_missing_provider_names_the_extra_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, conn_type: str
) -> None:
    provider, extra = EXTRAS[conn_type]
    if importlib.util.find_spec(provider):
        pytest.skip(f"{provider} is installed")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": conn_type}))
    with pytest.raises(MissingPackage, match=rf"pip install 'airflow-provider-hvsms\[{extra}\]'"):
        TableTarget(sql_conn_id="warehouse", table="messages").open(MESSAGES, window=None, with_rejects=False)


def test_database_is_no_warehouse(sqlite_warehouse: Warehouse) -> None:
    assert find_warehouse(BaseHook.get_hook("warehouse")) is None
