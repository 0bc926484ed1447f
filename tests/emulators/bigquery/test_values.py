"""Values are stored exactly, in the types that BigQuery has for them."""

from __future__ import annotations

from airflow_provider_hvsms.sinks.schema import BATCHES, OPT_OUTS, REJECTS, STATUSES, Changes
from airflow_provider_hvsms.sinks.warehouses.bigquery_sql import field_type
from tests.emulators.bigquery.conftest import BigQueryWarehouse
from tests.emulators.warehouses.loading import SECOND_LOAD, load, rows
from tests.emulators.warehouses.values import BATCH, ValueTests
from tests.support.messages import LOADED_AT, REJECT, message


class TestBigQueryValues(ValueTests):
    pass


def test_table_is_created_with_the_documented_types(warehouse: BigQueryWarehouse) -> None:
    load([BATCHES.rows([BATCH], LOADED_AT)], table="sms.batches", layout=BATCHES)
    fields = {field.name: (field.field_type, field.mode) for field in warehouse.table("batches").schema}
    assert fields["id"] == ("STRING", "REQUIRED")
    assert fields["cost"] == ("NUMERIC", "NULLABLE")
    assert fields["creation_time"] == ("TIMESTAMP", "NULLABLE")
    assert fields["batch_size"] == ("INT64", "NULLABLE")
    assert fields["rejected"] == ("JSON", "NULLABLE")
    [created] = [one.body for one in warehouse.emulator.requests if one.created_table == "batches"]
    [cost] = [field for field in created["schema"]["fields"] if field["name"] == "cost"]
    assert (int(cost["precision"]), int(cost["scale"])) == (18, 6)


def test_table_is_partitioned_by_the_day_of_creation_and_clustered_by_its_key(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))])
    table = warehouse.table("messages")
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", "creation_time")
    assert table.clustering_fields == ["id"]


def test_statuses_are_partitioned_by_the_day_of_their_window(warehouse: BigQueryWarehouse) -> None:
    load([], table="sms.statuses", layout=STATUSES)
    table = warehouse.table("statuses")
    assert table.time_partitioning.field == "window_start"
    assert table.clustering_fields == ["window_end", "batch_id", "direction", "phone_numbers"]


def test_opt_outs_are_clustered_only(warehouse: BigQueryWarehouse) -> None:
    load([], table="sms.opt_outs", layout=OPT_OUTS)
    table = warehouse.table("opt_outs")
    assert table.time_partitioning is None
    assert table.clustering_fields == ["from_number", "to_number"]


def test_json_is_a_value_that_queries_can_look_into(warehouse: BigQueryWarehouse) -> None:
    load([], rejects=REJECTS.rows([REJECT], LOADED_AT))
    assert warehouse.query("SELECT JSON_VALUE(record, '$.creationTime'), reason FROM sms.messages_rejects") == [
        ("soon", "message 9 cannot be read")
    ]


def test_json_is_text_in_a_column_of_text(warehouse: BigQueryWarehouse) -> None:
    types = {column.name: field_type(column, is_staged=True) for column in BATCHES.columns}
    warehouse.create("batches", **types)
    for loaded_at in (LOADED_AT, SECOND_LOAD):
        changes = load([BATCHES.rows([BATCH], loaded_at)], table="sms.batches", layout=BATCHES)
    assert warehouse.query("SELECT rejected FROM sms.batches") == [("[]",)]
    assert changes == Changes(inserted=0, updated=0, unchanged=1)
