"""Fields that the service adds are named in the log once a load, and kept with `extra_fields=True`."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Fault, Sandbox
from airflow_provider_hvsms.transfers import hvsms_to_object_storage as files
from airflow_provider_hvsms.transfers import hvsms_to_sql as tables
from tests.conftest import Warehouse
from tests.support.history import last_day

CHANNEL = {"kind": "TollFree", "fees": [0.07, 12]}
CHANNEL_JSON = '{"channel":{"fees":[0.07,12],"kind":"TollFree"}}'
RESOURCES = {
    "messages": (tables.HvsmsMessagesToSqlOperator, files.HvsmsMessagesToObjectStorageOperator),
    "batches": (tables.HvsmsBatchesToSqlOperator, files.HvsmsBatchesToObjectStorageOperator),
    "statuses": (tables.HvsmsStatusesToSqlOperator, files.HvsmsStatusesToObjectStorageOperator),
    "opt-outs": (tables.HvsmsOptOutsToSqlOperator, files.HvsmsOptOutsToObjectStorageOperator),
}
EACH = pytest.mark.parametrize("resource", RESOURCES)


def load(context: Any, resource: str = "messages", **arguments: Any) -> dict[str, Any]:
    given = {"task_id": "load", "sql_conn_id": "warehouse", "table": "target", **arguments}
    summary: dict[str, Any] = RESOURCES[resource][0](**given).execute(context)
    return summary


def write(context: Any, folder: Path, resource: str = "messages", **arguments: Any) -> None:
    given = {"task_id": "write", "path": f"file://{folder}", "compression": "none", **arguments}
    RESOURCES[resource][1](**given).execute(context)


def add_fields(sandbox: Sandbox, fields: dict[str, Any], **schedule: Any) -> None:
    sandbox.faults.add(Fault.with_fields(fields), **{"times": None, **schedule})


def lines_about_fields(log: str) -> list[str]:
    """Each line was logged once; in Airflow 2 the whole log is there in two copies."""
    found = [line for line in log.splitlines() if "The service sends fields" in line]
    distinct = list(dict.fromkeys(line.partition("The service sends ")[2] for line in found))
    assert len(found) == len(distinct) * log.count("Done: ")
    return distinct


def named_fields(log: str) -> list[str]:
    return [re.split(r"know: |\. They", line)[1] for line in lines_about_fields(log)]


@EACH
def test_a_field_that_the_service_adds_is_kept_in_the_table(
    sandbox: Sandbox, warehouse: Warehouse, context: Any, resource: str
) -> None:
    add_fields(sandbox, {"channel": CHANNEL})
    summary = load(context, resource, extra_fields=True)
    assert warehouse.query("SELECT DISTINCT extra FROM target") == [(CHANNEL_JSON,)]
    assert warehouse.query("SELECT count(*) FROM target") == [(summary["rows"],)]


@EACH
def test_the_documented_columns_are_the_same_with_the_field_or_without(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, resource: str
) -> None:
    load(context, resource, table="before")
    add_fields(sandbox, {"channel": CHANNEL})
    load(context, resource, table="ignored")
    load(context, resource, table="kept", extra_fields=True)
    operator: Any = RESOURCES[resource][0]
    columns = ", ".join(operator.extract.layout.names[:-1])
    before, ignored, kept = (
        sorted(sqlite_warehouse.query(f"SELECT {columns} FROM {table}"), key=str)
        for table in ("before", "ignored", "kept")
    )
    assert before
    assert before == ignored == kept


def test_the_column_is_null_where_no_field_was_added(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    load(context, extra_fields=True)
    assert warehouse.query("SELECT DISTINCT extra FROM target") == [(None,)]


def test_the_column_comes_after_those_of_the_record(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    load(context, extra_fields=True)
    query = "SELECT * FROM target LIMIT 0"
    with warehouse._engine.connect() as connection:
        names = list(connection.exec_driver_sql(query).keys())
    assert names[-3:] == ["text", "extra", "loaded_at"]


def test_a_newer_state_replaces_the_fields_of_an_older_one(
    sandbox: Sandbox, warehouse: Warehouse, context: Any
) -> None:
    load(context, extra_fields=True)
    add_fields(sandbox, {"channel": CHANNEL, "region": 1})
    load(context, extra_fields=True)
    assert warehouse.query("SELECT DISTINCT extra FROM target") == [(f'{CHANNEL_JSON[:-1]},"region":1}}',)]
    sandbox.faults.clear()
    load(context, extra_fields=True)
    assert warehouse.query("SELECT DISTINCT extra FROM target") == [(None,)]


def test_the_same_fields_again_touch_no_row(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    add_fields(sandbox, {"channel": {"kind": "TollFree", "fees": [0.07, 12]}, "region": 1})
    load(context, extra_fields=True)
    before = warehouse.query("SELECT * FROM target ORDER BY id")
    sandbox.faults.clear()
    add_fields(sandbox, {"region": 1, "channel": {"fees": [0.07, 12], "kind": "TollFree"}})
    load(context, extra_fields=True)
    assert warehouse.query("SELECT * FROM target ORDER BY id") == before


@pytest.mark.parametrize("database", ["sqlite", "postgres", "duckdb", "mysql"])
def test_each_database_keeps_any_json(
    sandbox: Sandbox, context: Any, request: pytest.FixtureRequest, database: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{database}_warehouse")
    add_fields(sandbox, {"channel": CHANNEL, 'say "hi"': "1\n2\u0000"}, times=1, path="/messages")
    load(context, per_page=500, concurrency=1, extra_fields=True)
    kept = f'{CHANNEL_JSON[:-1]},"say \\"hi\\"":"1\\n2\\u0000"}}'
    assert set(warehouse.query("SELECT DISTINCT extra FROM target")) == {(kept,), (None,)}


def test_rejected_recipients_keep_their_fields_too(sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any) -> None:
    sandbox.faults.add(Fault.with_fields({"carrier": "A"}, inside="rejected"), times=None)
    load(context, "batches", extra_fields=True)
    for count, extra in sqlite_warehouse.query("SELECT rejected_count, extra FROM target"):
        assert extra == (json.dumps({"rejected": [{"carrier": "A"}] * count}, separators=(",", ":")) if count else None)
    assert sqlite_warehouse.query("SELECT max(rejected_count) FROM target") != [(0,)]


@EACH
def test_a_field_that_the_service_adds_is_kept_in_files(
    sandbox: Sandbox, context: Any, tmp_path: Path, resource: str
) -> None:
    add_fields(sandbox, {"channel": CHANNEL})
    write(context, tmp_path / "kept", resource, extra_fields=True)
    write(context, tmp_path / "ignored", resource)
    kept, ignored = (
        [json.loads(line) for part in (tmp_path / name).glob("part-*") for line in part.read_text().splitlines()]
        for name in ("kept", "ignored")
    )
    assert {row.pop("extra") for row in kept} == {CHANNEL_JSON}
    assert [{**row, "loaded_at": None} for row in kept] == [{**row, "loaded_at": None} for row in ignored]


def test_csv_has_the_column_before_the_time_of_the_load(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    add_fields(sandbox, {"channel": CHANNEL})
    write(context, tmp_path, format="csv", extra_fields=True)
    [part] = tmp_path.glob("part-*.csv")
    header, *rows = csv.reader(part.read_text().splitlines())
    assert header[-2:] == ["extra", "loaded_at"]
    assert {row[-2] for row in rows} == {CHANNEL_JSON}


def test_parquet_has_the_column_as_a_string(sandbox: Sandbox, context: Any, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    add_fields(sandbox, {"channel": CHANNEL})
    write(context, tmp_path, format="parquet", extra_fields=True)
    table = parquet.read_table(tmp_path)
    assert (table.column_names[-2:], str(table.schema.field("extra").type)) == (["extra", "loaded_at"], "string")
    assert set(table["extra"].to_pylist()) == {CHANNEL_JSON}


@EACH
def test_the_log_names_the_resource_and_the_field_once_a_load(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str], resource: str
) -> None:
    add_fields(sandbox, {"channel": CHANNEL, "region": "secret"})
    load(context, resource, **({} if resource == "statuses" else {"per_page": 10}))
    log = task_log()
    [line] = lines_about_fields(log)
    assert line.startswith(f"fields of {resource} that this version does not know: channel, region.")
    assert "extra_fields=True" in line
    assert "TollFree" not in log
    assert "secret" not in log


def test_a_field_that_is_kept_is_named_without_a_warning(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    add_fields(sandbox, {"channel": CHANNEL})
    load(context, extra_fields=True)
    log = task_log()
    assert named_fields(log) == ["channel"]
    assert all("info" in line.lower() for line in log.splitlines() if "The service sends" in line)


def test_a_load_without_unknown_fields_logs_nothing_of_them(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    for resource in RESOURCES:
        load(context, resource, table=f"target_{resource}")
    assert "Done" in (log := task_log())
    assert "The service sends" not in log


def test_a_field_that_begins_during_the_load_is_named_then(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    add_fields(sandbox, {"channel": CHANNEL}, times=3)
    add_fields(sandbox, {"region": 1}, times=3, after=5)
    load(context, per_page=50, concurrency=1)
    assert named_fields(task_log()) == ["channel", "region"]


def test_names_from_outside_are_shortened_escaped_and_limited(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    odd = {"a\nfalse line": 1, "b" * 1_000: 2, "+16505550100": 3, "c\u202e": 4}
    add_fields(sandbox, {**odd, **{f"field{number:03}": number for number in range(500)}})
    load(context)
    [line] = named_fields(task_log())
    assert "a\\nfalse line" in line
    assert "c\\u202e" in line
    assert "b" * 61 not in line
    assert "***" in line
    assert "6505550100" not in line
    assert line.count("field0") < 20
    assert line.endswith("(further ones are not named)")


@pytest.mark.parametrize("extra_fields", [True, False])
def test_a_record_that_cannot_be_read_still_goes_to_the_rejects(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, extra_fields: bool
) -> None:
    add_fields(sandbox, {"channel": CHANNEL})
    sandbox.store.add_raw_message({"id": 77, "creationTime": "soon"}, created=last_day(sandbox)[0])
    summary = load(context, extra_fields=extra_fields, on_invalid="quarantine")
    [(record, reason)] = sqlite_warehouse.query("SELECT record, reason FROM target_rejects")
    assert json.loads(record) == {"id": 77, "creationTime": "soon", "channel": CHANNEL}
    assert "message 77" in reason
    assert (summary["rejected"], sqlite_warehouse.query("SELECT count(*) FROM target")) == (1, [(summary["rows"],)])
