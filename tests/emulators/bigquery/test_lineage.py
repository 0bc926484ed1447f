"""Tables of BigQuery have the names that OpenLineage's specification gives them."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.utils.lineage import DatasetName, name_table
from tests.emulators.bigquery.conftest import BigQueryWarehouse


@pytest.mark.parametrize("conn_type", ["gcpbigquery", "google_cloud_platform"])
@pytest.mark.parametrize(
    ("table", "name"),
    [("sms.messages", "{project}.sms.messages"), ("lake-1.sms.messages", "lake-1.sms.messages")],
)
def test_a_table_has_project_and_dataset(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch, conn_type: str, table: str, name: str
) -> None:
    warehouse.connect(monkeypatch, conn_type)
    assert name_table("warehouse", table) == DatasetName("bigquery", name.format(project=warehouse.project))
