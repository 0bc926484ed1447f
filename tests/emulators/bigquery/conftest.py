"""An emulated BigQuery, and a project of its own for each test."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from tests.dags.conftest import run_example
from tests.dags.hashed_run import run_hashed
from tests.emulators.bigquery.emulator import Emulator, running

__all__ = ["run_example", "run_hashed"]  # fixtures


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    if not importlib.util.find_spec("bqemulator"):
        pytest.skip("the emulator of BigQuery is not installed: EMULATOR=bigquery scripts/setup")
    with running() as emulator:
        yield emulator


@dataclasses.dataclass(frozen=True)
class BigQueryWarehouse:
    """A project of the emulator with the dataset `sms`, behind the Airflow connection `warehouse`."""

    emulator: Emulator
    project: str

    @property
    def client(self) -> Any:
        hook: Any = BaseHook.get_hook("warehouse")
        return hook.get_client(project_id=self.project)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.client.query(sql).result(timeout=60)]

    def run(self, sql: str) -> None:
        self.query(sql)

    def create(self, name: str, *, required: str | None = None, **types: str) -> None:
        """Create a table with columns of these types."""
        from google.cloud import bigquery

        schema = [
            bigquery.SchemaField(column, sql_type, mode="REQUIRED" if column == required else "NULLABLE")
            for column, sql_type in types.items()
        ]
        self.client.create_table(bigquery.Table(f"{self.project}.sms.{name}", schema=schema))

    def table(self, name: str) -> Any:
        return self.client.get_table(f"{self.project}.sms.{name}")

    def tables(self) -> list[str]:
        return sorted(table.table_id for table in self.client.list_tables(f"{self.project}.sms"))

    def connect(self, monkeypatch: pytest.MonkeyPatch, conn_type: str = "gcpbigquery", **extra: Any) -> None:
        """Set the Airflow connection `warehouse`."""
        extra = {"project": self.project, "is_anonymous": True, "use_legacy_sql": False, **extra}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": conn_type, "extra": extra}))


@pytest.fixture
def warehouse(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> BigQueryWarehouse:
    from google.cloud import bigquery

    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)  # which Google's client reads
    warehouse = BigQueryWarehouse(emulator, f"project-{os.urandom(4).hex()}")
    warehouse.connect(monkeypatch)
    dataset = bigquery.Dataset(f"{warehouse.project}.sms")
    dataset.location = "EU"
    warehouse.client.create_dataset(dataset)
    emulator.requests.clear()
    emulator.failures.clear()
    return warehouse
