"""Values are stored exactly, in the types that BigQuery has for them."""

from __future__ import annotations

from decimal import Decimal

from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.sinks.schema import BATCHES, OPT_OUTS, REJECTS, STATUSES, Changes
from airflow_provider_hvsms.sinks.warehouses.bigquery_sql import field_type
from tests.emulators.bigquery.conftest import BigQueryWarehouse
from tests.emulators.bigquery.loading import SECOND_LOAD, load, rows
from tests.support.messages import LOADED_AT, NOON, REJECT, message

BATCH = Batch(
    id="7",
    from_number="+16505550100",
    batch_size=3,
    processed_count=2,
    status="Completed",
    rejected=(),
    cost=Decimal("0.5"),
    creation_time=NOON,
    last_modified_time=NOON,
)


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


def test_any_text_is_stored_exactly(warehouse: BigQueryWarehouse) -> None:
    texts = [
        "",
        None,
        'it\'s "quoted"; DROP TABLE messages; --',
        "línea\nnew\ttab\\",
        "🎉 %s :name $1 ? @name `tick`",
        "x" * 1000,
        "\\N",
        "null",
        '"',
        "\\",
        "\r\n\b\f\v\x1b\x7f\x85\u2028",
        "\\n \\\\n \\u0041 \\x41 \\",
        "comma, \"comma\", 'comma',",
        " spaces ",
    ]
    load([rows(*(message(number + 10, text=text) for number, text in enumerate(texts)))])
    assert [row[0] for row in warehouse.query("SELECT text FROM sms.messages ORDER BY id")] == texts


def test_costs_are_stored_exactly_with_six_decimal_places(warehouse: BigQueryWarehouse) -> None:
    costs = ["0.007", "-0.000001", "999999.999999", "-123456789.25", "0", "100000", "1E-6", "0.100000"]
    load([rows(*(message(number, cost=Decimal(cost)) for number, cost in enumerate(costs)), message(9, cost=None))])
    *found, without = [row[0] for row in warehouse.query("SELECT cost FROM sms.messages ORDER BY id")]
    assert found == [Decimal(cost) for cost in costs]
    assert without is None


def test_timestamps_are_stored_exactly_to_the_microsecond(warehouse: BigQueryWarehouse) -> None:
    times = [NOON.replace(microsecond=microsecond) for microsecond in (0, 1, 100, 500_000, 999_999)]
    load([rows(*(message(number, creation_time=time) for number, time in enumerate(times)))])
    assert [row[0] for row in warehouse.query("SELECT creation_time FROM sms.messages ORDER BY id")] == times


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


def test_batch_with_equal_json_is_unchanged(warehouse: BigQueryWarehouse) -> None:
    load([BATCHES.rows([BATCH], LOADED_AT)], table="sms.batches", layout=BATCHES)
    changes = load([BATCHES.rows([BATCH], SECOND_LOAD)], table="sms.batches", layout=BATCHES)
    assert changes == Changes(inserted=0, updated=0, unchanged=1)
