"""Warehouses with a loader of their own are refused with its name."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_hvsms.api.errors import UnsuitableDatabase
from airflow_provider_hvsms.sinks.schema import MESSAGES
from airflow_provider_hvsms.sinks.sql.reader import open_table_reader
from tests.sinks.sql.loading import Table, unreadable

REDSHIFT = r'S3ToRedshiftOperator\(method="UPSERT"\).*hvsms_redshift.py'
DATABRICKS = "DatabricksCopyIntoOperator.*hvsms_databricks.py"


class UnconnectedHook(DbApiHook):
    """A hook whose dialect is PostgreSQL's, as that of Redshift says."""

    conn_name_attr = "conn_id"
    dialect_name = "postgresql"

    def get_conn(self) -> Any:
        raise AssertionError("nothing may be connected to")


@pytest.mark.parametrize(("name", "advice"), [("RedshiftSQLHook", REDSHIFT), ("DatabricksSqlHook", DATABRICKS)])
@pytest.mark.parametrize("is_subclass", [False, True], ids=["the provider's", "a user's own"])
def test_warehouse_that_is_loaded_from_files_is_refused_with_its_loader(
    name: str, advice: str, is_subclass: bool
) -> None:
    hook = type(name, (UnconnectedHook,), {})
    if is_subclass:
        hook = type("OwnHook", (hook,), {})
    with pytest.raises(UnsuitableDatabase, match=f"A {name} cannot be loaded directly. Nothing was read.*{advice}"):
        Table(hook()).load(unreadable())


@pytest.mark.parametrize(
    ("module", "name", "advice"),
    [
        ("airflow.providers.amazon.aws.hooks.redshift_sql", "RedshiftSQLHook", REDSHIFT),
        ("airflow.providers.databricks.hooks.databricks_sql", "DatabricksSqlHook", DATABRICKS),
    ],
)
def test_hook_of_the_provider_is_refused(module: str, name: str, advice: str) -> None:
    hooks = pytest.importorskip(module, reason="the provider is not installed")
    with pytest.raises(UnsuitableDatabase, match=f"A {name} cannot be loaded directly.*{advice}"):
        Table(getattr(hooks, name)()).load(unreadable())


def test_warehouse_that_is_loaded_from_files_is_not_read_either() -> None:
    hook = type("RedshiftSQLHook", (UnconnectedHook,), {})
    with (
        pytest.raises(UnsuitableDatabase, match="A RedshiftSQLHook cannot be read. Nothing was read. Copy the table"),
        open_table_reader(hook(), "messages", MESSAGES, ["id"]),
    ):
        raise AssertionError("nothing may be read")
