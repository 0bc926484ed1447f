"""Recipients that a query of BigQuery selects."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import InvalidRequest, LoadRefused
from airflow_provider_hvsms.campaigns.query_rows import read_query
from tests.emulators.bigquery.conftest import BigQueryWarehouse


def read(sql: str, parameters: Any = None) -> list[Any]:
    return list(read_query(BaseHook.get_hook("warehouse"), sql, parameters, sql_conn_id="warehouse"))


def test_the_reserved_word_is_quoted_with_backticks(warehouse: BigQueryWarehouse) -> None:
    [row] = read("SELECT '+12125550123' AS `to`, 'Ada' AS Name")

    assert (row.to, row.columns["name"]) == ("+12125550123", "Ada")


def test_more_rows_than_one_fetch_are_read(warehouse: BigQueryWarehouse) -> None:
    rows = read("SELECT '+1' AS to_number FROM UNNEST(GENERATE_ARRAY(1, 2500)) AS n")

    assert [row.place for row in rows] == list(range(1, 2_501))


def test_a_refused_query_names_the_connection(warehouse: BigQueryWarehouse) -> None:
    with pytest.raises(LoadRefused, match="connection 'warehouse'"):
        read("SELECT phone AS to_number FROM sms.no_such_table")


@pytest.mark.parametrize(("place", "parameters"), [("@day", {"day": date(2026, 1, 2)}), ("?", [date(2026, 1, 2)])])
def test_parameters_are_those_of_bigquery(warehouse: BigQueryWarehouse, place: str, parameters: Any) -> None:
    [row] = read(
        f"SELECT '+1' AS to_number, 'a%' AS name FROM (SELECT 1 AS n) WHERE {place} = '2026-01-02'", parameters
    )

    assert row.columns["name"] == "a%"


def test_a_parameter_without_a_type_is_refused_without_it(warehouse: BigQueryWarehouse) -> None:
    with pytest.raises(InvalidRequest, match="The parameter 'name' of the query is a list") as caught:
        read("SELECT '+1' AS to_number", {"name": ["Ada"]})

    assert "Ada" not in str(caught.value)
