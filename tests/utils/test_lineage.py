"""Datasets have the names that OpenLineage's specification gives them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook, ObjectStoragePath
from airflow.providers.openlineage.sqlparser import DatabaseInfo

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from airflow_provider_hvsms.utils.lineage import (
    DatasetName,
    input_dataset,
    name_folder,
    name_resource,
    name_table,
    output_dataset,
)
from tests.support.history import last_day, stored_between


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A store whose history has ended for a process of another time, too."""
    with Sandbox(Settings(messages=200, days=2, end=datetime(2025, 11, 3, tzinfo=UTC), light=10_000)) as sandbox:
        yield sandbox


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(fields))


def test_a_resource_is_in_its_account() -> None:
    assert name_resource("400100200", "opt-outs") == DatasetName("hvsms://400100200", "opt-outs")


@pytest.mark.parametrize(
    ("table", "name"),
    [("messages", "warehouse.public.messages"), ("sms.messages", "warehouse.sms.messages")],
)
def test_a_table_of_postgresql_has_database_and_schema(postgres_warehouse: Any, table: str, name: str) -> None:
    database = postgres_warehouse.connection["schema"]
    named = name_table("warehouse", table)
    assert named.namespace.endswith(":5432")
    assert named.name == name.replace("warehouse", database)


def test_a_table_of_mysql_has_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("MySQLdb", reason="the driver is missing: pip install 'airflow-provider-hvsms[test-mysql]'")
    connect(monkeypatch, conn_type="mysql", host="db.example.org", login="loader", password="secret", schema="sms")
    assert name_table("warehouse", "messages") == DatasetName("mysql://db.example.org:3306", "sms.messages")
    assert name_table("warehouse", "other.messages") == DatasetName("mysql://db.example.org:3306", "other.messages")


def test_a_table_of_a_database_that_stores_upper_case_is_in_upper_case(monkeypatch: pytest.MonkeyPatch) -> None:
    info = DatabaseInfo(scheme="snowflake", authority="org-account", database="analytics", is_uppercase_names=True)
    connect(monkeypatch, conn_type="sqlite", host="/unused")
    hook = BaseHook.get_hook("warehouse")
    monkeypatch.setattr(type(hook), "get_openlineage_database_info", lambda self, connection: info)
    monkeypatch.setattr(type(hook), "get_openlineage_default_schema", lambda self: "sms")
    assert name_table("warehouse", "messages") == DatasetName("snowflake://org-account", "ANALYTICS.SMS.MESSAGES")


@pytest.mark.parametrize(
    ("fields", "namespace"),
    [
        ({"conn_type": "sqlite", "host": "/data/sms.sqlite"}, "sqlite:///data/sms.sqlite"),
        ({"conn_type": "duckdb", "host": "/data/sms.duckdb"}, "duckdb:///data/sms.duckdb"),
        ({"conn_type": "duckdb", "host": "md:sms?motherduck_token=secret"}, "duckdb://md:sms"),
        ({"conn_type": "duckdb"}, "duckdb"),
        ({"conn_type": "sqlite", "host": "me:secret@files.example.org", "port": 7}, "sqlite://files.example.org:7"),
    ],
)
def test_a_database_without_a_name_in_the_specification_has_type_and_place_without_secrets(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], namespace: str
) -> None:
    connect(monkeypatch, **fields)
    assert name_table("warehouse", "messages") == DatasetName(namespace, "messages")


class Azure:
    """A file system that knows its account, as that of Azure does."""

    account_name = "lake"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("file:///lake/messages", DatasetName("file", "/lake/messages")),
        ("s3://aws@lake/sms/messages/", DatasetName("s3://lake", "sms/messages")),
        ("s3a://lake/sms", DatasetName("s3://lake", "sms")),
        ("gs://lake/sms", DatasetName("gs://lake", "sms")),
        ("gcs://lake", DatasetName("gs://lake", "/")),
        ("abfs://azure@container/sms", DatasetName("abfss://container@lake.dfs.core.windows.net", "sms")),
    ],
)
def test_a_folder_has_its_bucket_and_its_path(
    monkeypatch: pytest.MonkeyPatch, path: str, expected: DatasetName
) -> None:
    monkeypatch.setattr(ObjectStoragePath, "fs", Azure())
    assert name_folder(ObjectStoragePath(path)) == expected


def test_what_is_not_known_is_left_out() -> None:
    name = DatasetName("file", "/report.html")
    assert (input_dataset(name).facets, input_dataset(name).inputFacets) == ({}, {})
    assert (output_dataset(name).facets, output_dataset(name).outputFacets) == ({}, {})


_BLOCKED = """
import sys

# Airflow reads the provider info of each distribution that is installed.
INFO = {"airflow.providers.openlineage", "airflow.providers.openlineage.get_provider_info"}

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("openlineage", "airflow.providers.openlineage")) and name not in INFO:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())

from datetime import UTC, datetime
from airflow.providers.common.compat.sdk import Asset
from airflow_provider_hvsms.assets import hvsms
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator
from airflow_provider_hvsms.utils import lineage

load = HvsmsMessagesToObjectStorageOperator(
    task_id="load",
    path=sys.argv[1],
    format="csv",
    date_from=datetime.fromisoformat(sys.argv[2]),
    date_to=datetime.fromisoformat(sys.argv[3]),
)
print("rows:", load.execute({})["rows"])
Asset("hvsms://~/messages")
print("imported:", [name for name in sys.modules if "openlineage" in name and name not in INFO])
"""


def test_without_openlineage_loads_run_and_nothing_of_it_is_imported(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], tmp_path: Path
) -> None:
    start, end = last_day(sandbox)
    command = [sys.executable, "-c", _BLOCKED, f"file://{tmp_path}/lake", start.isoformat(), end.isoformat()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"rows: {len(stored_between(sandbox, start, end))}\n" in done.stdout
    assert "imported: []\n" in done.stdout
