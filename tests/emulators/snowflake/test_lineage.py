"""Tables of Snowflake have the names that OpenLineage's specification gives them."""

from __future__ import annotations

import json

import pytest

from airflow_provider_hvsms.utils.lineage import DatasetName, name_table
from tests.emulators.snowflake.conftest import SnowflakeWarehouse


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("messages", "{database}.SMS.MESSAGES"),
        ("other.messages", "{database}.OTHER.MESSAGES"),
        ("lake.other.messages", "LAKE.OTHER.MESSAGES"),
    ],
)
def test_a_table_has_database_and_schema_in_upper_case(
    warehouse: SnowflakeWarehouse, monkeypatch: pytest.MonkeyPatch, table: str, name: str
) -> None:
    connection = {
        "conn_type": "snowflake",
        "login": "loader",
        "password": "secret",
        "schema": "sms",
        "extra": {"account": "org-lake", "database": warehouse.database, "warehouse": "LOADING"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    named = name_table("warehouse", table)
    assert named == DatasetName("snowflake://org-lake", name.format(database=warehouse.database))
