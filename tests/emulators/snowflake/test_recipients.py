"""Recipients that a query of Snowflake selects."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import LoadFailed, LoadRefused
from airflow_provider_hvsms.campaigns.query_rows import read_query
from tests.emulators.snowflake.conftest import SnowflakeWarehouse


def read(sql: str, parameters: Any = None) -> list[Any]:
    return list(read_query(BaseHook.get_hook("warehouse"), sql, parameters, sql_conn_id="warehouse"))


def test_names_in_upper_case_are_read(warehouse: SnowflakeWarehouse) -> None:
    [row] = read("SELECT '+12125550123' AS to_number, 'Ada' AS name WHERE 1 = %s", [1])

    assert (row.to, row.columns["name"]) == ("+12125550123", "Ada")


def test_more_rows_than_one_fetch_are_read(warehouse: SnowflakeWarehouse) -> None:
    rows = read("SELECT '+1' AS to_number FROM (SELECT UNNEST(GENERATE_SERIES(1, 2500)) AS n)")

    assert [row.place for row in rows] == list(range(1, 2_501))


def test_a_refused_query_names_the_connection(warehouse: SnowflakeWarehouse) -> None:
    warehouse.fail("customers", 2003, "42S02", "Object 'CUSTOMERS' does not exist")

    with pytest.raises(LoadRefused, match="connection 'warehouse'.*CUSTOMERS"):
        read("SELECT phone AS to_number FROM customers")


def test_a_query_that_is_cancelled_may_be_run_again(warehouse: SnowflakeWarehouse) -> None:
    warehouse.fail("customers", 604, "57014", "SQL execution canceled")

    with pytest.raises(LoadFailed, match="connection 'warehouse'"):
        read("SELECT phone AS to_number FROM customers")
