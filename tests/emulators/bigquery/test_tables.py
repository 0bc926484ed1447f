"""Tables that their users change are loaded all the same, and unsuitable ones are refused before anything is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_hvsms.api.errors import InvalidSettings, LoadFailed, LoadRefused, TableMismatch
from airflow_provider_hvsms.sinks.schema import BATCHES, Changes
from airflow_provider_hvsms.sinks.warehouses.bigquery_sql import field_type
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from tests.emulators.bigquery.conftest import BigQueryWarehouse
from tests.emulators.bigquery.emulator import Failure
from tests.emulators.warehouses.loading import SECOND_LOAD, load, rows, unreadable
from tests.emulators.warehouses.values import BATCH
from tests.support.messages import LOADED_AT, message


def test_columns_of_the_user_are_left_alone(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    warehouse.run("ALTER TABLE sms.messages ADD COLUMN campaign STRING")
    warehouse.run("UPDATE sms.messages SET campaign = 'autumn' WHERE TRUE")
    load([rows(message(1, message_status="Delivered"), message(2), loaded_at=SECOND_LOAD)])
    found = warehouse.query("SELECT id, message_status, campaign FROM sms.messages ORDER BY id")
    assert found == [("1", "Delivered", "autumn"), ("2", "Sent", None)]


def create_without_two_columns(warehouse: BigQueryWarehouse) -> None:
    types = {column.name: field_type(column) for column in BATCHES.columns}
    warehouse.create("batches", **{name: types[name] for name in types if name not in ("cost", "rejected")})
    warehouse.run(
        "INSERT INTO sms.batches (id, from_number, creation_time) "
        f"VALUES ('{BATCH.id}', '+16505550100', TIMESTAMP '2026-11-01 00:00:00+00')"
    )


def test_columns_that_the_table_lacks_are_added(warehouse: BigQueryWarehouse) -> None:
    create_without_two_columns(warehouse)
    changes = load([BATCHES.rows([BATCH], SECOND_LOAD)], table="sms.batches", layout=BATCHES)
    assert changes == Changes(inserted=0, updated=1, unchanged=0)
    [alter] = [job.query for job in warehouse.emulator.jobs() if "ALTER TABLE" in job.query]
    assert alter.endswith("ADD COLUMN IF NOT EXISTS `rejected` JSON, ADD COLUMN IF NOT EXISTS `cost` NUMERIC(18, 6)")
    assert warehouse.query("SELECT cost FROM sms.batches") == [(BATCH.cost,)]


def test_columns_that_the_table_lacks_are_refused_if_the_user_wants_so(warehouse: BigQueryWarehouse) -> None:
    create_without_two_columns(warehouse)
    with pytest.raises(TableMismatch, match="lacks rejected, cost, and on_schema_change='fail'"):
        load(unreadable(), table="sms.batches", layout=BATCHES, on_schema_change="fail")
    assert "cost" not in {field.name for field in warehouse.table("batches").schema}


def test_table_without_partitions_is_loaded(warehouse: BigQueryWarehouse) -> None:
    warehouse.create("plain", id="STRING", message_status="STRING", creation_time="TIMESTAMP")
    for loaded_at in (LOADED_AT, SECOND_LOAD):
        changes = load([rows(message(1), message(2), loaded_at=loaded_at)], table="sms.plain")
    assert changes == Changes(inserted=0, updated=0, unchanged=2)
    assert "BETWEEN" not in "".join(job.query for job in warehouse.emulator.jobs())


def test_table_is_named_with_its_project_too(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))], table=f"{warehouse.project}.sms.messages")
    assert warehouse.query("SELECT id FROM sms.messages") == [("1",)]


DEFAULT_DATASET = {"query": {"defaultDataset": {"datasetId": "sms"}}}


@pytest.mark.parametrize("configs", [DEFAULT_DATASET, json.dumps(DEFAULT_DATASET)], ids=["JSON", "text"])
def test_dataset_is_that_of_the_connection_if_the_table_names_none(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch, configs: object
) -> None:
    warehouse.connect(monkeypatch, api_resource_configs=configs)
    load([rows(message(1))], table="messages")
    assert warehouse.query("SELECT id FROM sms.messages") == [("1",)]


def test_general_connection_to_google_cloud_is_one_to_bigquery(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = warehouse.client
    warehouse.connect(monkeypatch, "google_cloud_platform")
    load([rows(message(1))])
    assert [row["id"] for row in client.query("SELECT id FROM sms.messages").result()] == ["1"]


def test_hook_of_another_service_is_not_taken_for_bigquery(warehouse: BigQueryWarehouse) -> None:
    from airflow.providers.google.cloud.hooks.gcs import GCSHook

    assert find_warehouse(GCSHook("warehouse")) is None


def test_jobs_run_where_the_dataset_is(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    load([rows(message(1))])
    warehouse.connect(monkeypatch, location="eu")
    load([rows(message(1))])
    locations = {job.body["jobReference"]["location"] for job in warehouse.emulator.jobs()}
    assert locations == {"EU"}


def test_dataset_in_another_location_than_the_connection_is_refused(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.connect(monkeypatch, location="US")
    with pytest.raises(LoadRefused, match="is in EU, and the connection's location is US"):
        load(unreadable())


@pytest.mark.parametrize(
    ("table", "message_"),
    [
        ("messages", "Write it as 'my_dataset.messages'"),
        ("sms.", "For BigQuery it must be"),
        ("my-dataset.messages", "For BigQuery it must be"),
        ("sms.messages`; DROP TABLE x; --", "For BigQuery it must be"),
        ("sms.messages$20261101", "For BigQuery it must be"),
    ],
)
def test_name_that_is_none_of_bigquery_is_refused(warehouse: BigQueryWarehouse, table: str, message_: str) -> None:
    with pytest.raises(TableMismatch, match=message_):
        load(unreadable(), table=table)


def test_missing_dataset_is_refused(warehouse: BigQueryWarehouse) -> None:
    with pytest.raises(LoadRefused, match=rf"dataset {warehouse.project}\.other does not exist\. Nothing was read"):
        load(unreadable(), table="other.messages")


@pytest.mark.parametrize(
    ("request_", "message_"),
    [
        ("GET /bigquery/v2/projects/", "may not use BigQuery's dataset .* Data Editor"),
        ("POST /bigquery/v2/projects/", "may not create a table in BigQuery's dataset"),
    ],
    ids=["to see the dataset", "to create a table"],
)
def test_missing_right_is_refused(warehouse: BigQueryWarehouse, request_: str, message_: str) -> None:
    warehouse.emulator.failures.append(Failure(request_, 403, "accessDenied", "Access Denied: Dataset sms"))
    with pytest.raises(LoadRefused, match=message_):
        load(unreadable())


def test_missing_right_to_merge_is_refused(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    warehouse.emulator.failures.append(Failure("MERGE INTO", 403, "accessDenied", "Access Denied: Table messages"))
    with pytest.raises(LoadRefused, match="Access Denied"):
        load(unreadable())
    assert warehouse.tables() == ["messages"]


def test_busy_service_is_left_to_the_retries_of_airflow(warehouse: BigQueryWarehouse) -> None:
    warehouse.emulator.failures.append(Failure("GET", 403, "quotaExceeded", "Quota exceeded"))
    with pytest.raises(LoadFailed, match="quotaExceeded"):
        load(unreadable())


def test_connection_without_a_project_is_refused(warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.connect(monkeypatch, project=None)
    with pytest.raises(InvalidSettings, match="Set `project` in its extra"):
        load(unreadable())


def test_missing_credentials_are_refused(
    warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    warehouse.connect(monkeypatch, is_anonymous=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(LoadRefused, match="DefaultCredentialsError"):
        load(unreadable())


@pytest.mark.parametrize("sql_type", ["INT64", "DATETIME", "JSON"])
def test_column_of_another_type_is_refused(warehouse: BigQueryWarehouse, sql_type: str) -> None:
    warehouse.create("other", id="STRING", text=sql_type)
    with pytest.raises(TableMismatch, match=r"the type of column 'text' is .* it must be one for text"):
        load(unreadable(), table="sms.other")


def test_timestamps_do_not_go_into_a_column_of_dates_and_times_without_zone(warehouse: BigQueryWarehouse) -> None:
    warehouse.create("other", id="STRING", creation_time="DATETIME")
    with pytest.raises(TableMismatch, match="'creation_time' is DATETIME; it must be one for timestamps"):
        load(unreadable(), table="sms.other")


def test_column_that_needs_a_value_is_refused(warehouse: BigQueryWarehouse) -> None:
    warehouse.create("other", id="STRING", campaign="STRING", required="campaign")
    with pytest.raises(TableMismatch, match="NOT NULL without a default: campaign"):
        load(unreadable(), table="sms.other")


def test_view_is_refused(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    warehouse.run("CREATE VIEW sms.seen AS SELECT * FROM sms.messages")
    with pytest.raises(TableMismatch, match="is a VIEW in BigQuery"):
        load(unreadable(), table="sms.seen")


def test_error_of_a_value_does_not_show_what_the_row_holds(warehouse: BigQueryWarehouse) -> None:
    holding = "Bad value for +16505550100\nin the row: a text"
    warehouse.emulator.failures.append(Failure("BEGIN TRANSACTION", 400, "invalid", holding))
    with pytest.raises(LoadRefused) as raised:
        load([rows(message(1))])
    assert "16505550100" not in str(raised.value)
    assert "a text" not in str(raised.value)
