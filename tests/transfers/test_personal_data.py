"""Under `hash` and `drop` no number and no text reaches a target, its rejects, the summary or the log."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.sinks.personal_data import Protection
from airflow_provider_hvsms.transfers import hvsms_to_object_storage as files
from airflow_provider_hvsms.transfers import hvsms_to_sql as tables
from tests.conftest import Warehouse
from tests.support.history import last_day, stored_between
from tests.support.leaks import Scan

KEY = "a key that is long enough"
NUMBER, TEXT = "+16505550177", "Call Ann Smith"
RESOURCES = {
    "messages": (tables.HvsmsMessagesToSqlOperator, files.HvsmsMessagesToObjectStorageOperator),
    "batches": (tables.HvsmsBatchesToSqlOperator, files.HvsmsBatchesToObjectStorageOperator),
    "opt-outs": (tables.HvsmsOptOutsToSqlOperator, files.HvsmsOptOutsToObjectStorageOperator),
}
PROTECTED = [(resource, "hash") for resource in RESOURCES] + [("messages", "drop"), ("batches", "drop")]
EACH = pytest.mark.parametrize(("resource", "setting"), PROTECTED, ids=map("-".join, PROTECTED))
FORMATS = pytest.mark.parametrize("files_format", ["jsonl", "csv", "parquet", "delta"])


@pytest.fixture
def with_key(hvsms_connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    set_key(hvsms_connection, monkeypatch, KEY)


def set_key(connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    extra = {**connection["extra"], "hash_key": key}
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**connection, "extra": extra}))


def arguments_of(resource: str, **arguments: Any) -> dict[str, Any]:
    detailed = {"view": "Detailed"} if resource == "messages" else {}
    return {"task_id": "load", "on_invalid": "quarantine", **detailed, **arguments}


def load(context: Any, resource: str, **arguments: Any) -> dict[str, Any]:
    given = arguments_of(resource, sql_conn_id="warehouse", table=resource.replace("-", "_"), **arguments)
    summary: dict[str, Any] = RESOURCES[resource][0](**given).execute(context)
    return summary


def write(context: Any, folder: Path, resource: str, **arguments: Any) -> dict[str, Any]:
    given = arguments_of(resource, path=f"file://{folder}", **arguments)
    summary: dict[str, Any] = RESOURCES[resource][1](**given).execute(context)
    return summary


def plant(sandbox: Sandbox) -> Scan:
    """Records that cannot be read, and rejected recipients, with a number and a text."""
    start, _ = last_day(sandbox)
    odd = {"id": 77, "creationTime": "20211-11-14T20:19:56.505461Z", "from": NUMBER, "to": [NUMBER], "text": TEXT}
    sandbox.store.add_raw_message(odd, created=start)
    sandbox.store.add_raw_message(f"{TEXT} {NUMBER}", created=start)
    rejected = {"index": 1, "to": [NUMBER], "errorCode": "SMS-RC-410", "description": f"{NUMBER} is not supported"}
    batch = {"id": "b77", "from": NUMBER, "creationTime": start.isoformat(), "rejected": [rejected]}
    sandbox.store.add_raw_batch(batch, created=start, batch_id="b77")
    sandbox.store.add_raw_batch({**batch, "id": "b78", "batchSize": TEXT}, created=start, batch_id="b78")
    return Scan.of(sandbox, TEXT)


def content_of_tables(warehouse: Warehouse) -> str:
    return str({table: warehouse.query(f"SELECT * FROM {table}") for table in warehouse.tables()})


@EACH
def test_a_table_and_its_rejects_hold_no_number_and_no_text(
    sandbox: Sandbox, warehouse: Warehouse, context: Any, with_key: None, resource: str, setting: str
) -> None:
    personal = plant(sandbox)
    summary = load(context, resource, personal_data=setting)
    left = content_of_tables(warehouse)
    assert (personal.found_in(left), personal.found_in(str(summary))) == (set(), set())
    assert warehouse.query(f"SELECT count(*) FROM {resource.replace('-', '_')}") == [(summary["rows"],)]
    assert summary["rows"] > 0


@EACH
@FORMATS
def test_files_and_their_rejects_hold_no_number_and_no_text(
    sandbox: Sandbox, context: Any, with_key: None, tmp_path: Path, resource: str, setting: str, files_format: str
) -> None:
    personal = plant(sandbox)
    summary = write(context, tmp_path / "target", resource, personal_data=setting, format=files_format)
    assert personal.leaks_in(tmp_path) == []
    assert (summary["rows"] > 0, summary["rejected"]) == (True, {"messages": 2, "batches": 1, "opt-outs": 0}[resource])


@pytest.mark.parametrize("resource", RESOURCES)
@FORMATS
def test_the_search_finds_what_is_kept(
    sandbox: Sandbox, context: Any, tmp_path: Path, resource: str, files_format: str
) -> None:
    personal = plant(sandbox)
    write(context, tmp_path / "target", resource, format=files_format)
    found = {leak.what for leak in personal.leaks_in(tmp_path)}
    assert found
    assert ({NUMBER[1:], TEXT} <= found) is (resource != "opt-outs")


@pytest.mark.parametrize(("setting", "count"), [("hash", 2), ("drop", 2)])
def test_rejects_keep_what_a_record_is_found_by(
    sandbox: Sandbox, warehouse: Warehouse, context: Any, with_key: None, setting: str, count: int
) -> None:
    plant(sandbox)
    for _ in range(2):
        load(context, "messages", personal_data=setting)
    found = warehouse.query("SELECT record, reason FROM messages_rejects")
    assert len(found) == count
    record = next(json.loads(record) for record, reason in found if "message 77" in reason)
    assert (record["id"], record["creationTime"], record["text"]) == (77, "20211-11-14T20:19:56.505461Z", None)
    assert record["from"] == (Protection("hash", KEY).numbers(NUMBER) if setting == "hash" else None)


def test_a_number_has_the_same_hash_in_all_tables(
    sandbox: Sandbox, warehouse: Warehouse, context: Any, with_key: None
) -> None:
    for resource in RESOURCES:
        load(context, resource, personal_data="hash")
    hashed = Protection("hash", KEY).numbers
    expected = stored_between(sandbox, *last_day(sandbox))
    found = warehouse.query("SELECT id, from_number, to_number FROM messages")
    assert sorted(found) == sorted(
        (str(message.id), hashed(message.from_number), hashed(",".join(message.to_numbers))) for message in expected
    )
    replies = "SELECT count(*) FROM messages sent JOIN messages reply ON reply.from_number = sent.to_number"
    opted_out = "SELECT count(*) FROM messages m JOIN opt_outs o ON o.to_number = m.to_number"
    batches = "SELECT count(*) FROM messages m JOIN batches b ON b.id = m.batch_id AND b.from_number = m.from_number"
    assert all(warehouse.query(query)[0][0] > 0 for query in (replies, opted_out, batches))


def test_the_log_at_debug_holds_no_number_text_or_key(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, with_key: None, task_log: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    personal = plant(sandbox)
    caplog.set_level(logging.DEBUG)
    for resource in RESOURCES:
        load(context, resource, personal_data="hash")
    log = task_log()
    assert "urllib3" in log
    assert (personal.found_in(log), KEY in log) == (set(), False)


@pytest.mark.parametrize("operator", RESOURCES["opt-outs"])
def test_dropping_the_numbers_of_opt_outs_is_refused_when_the_dag_is_parsed(operator: Any) -> None:
    target = {"sql_conn_id": "warehouse", "table": "target"} if "ToSql" in operator.__name__ else {"path": "file:///x"}
    with pytest.raises(InvalidRequest, match=r"from_number and to_number identify the rows.*use 'hash'"):
        operator(task_id="load", personal_data="drop", **target)


@EACH
def test_unknown_fields_of_protected_records_are_refused_when_the_dag_is_parsed(resource: str, setting: str) -> None:
    with pytest.raises(InvalidRequest, match=r"extra_fields is True, but nobody can tell"):
        RESOURCES[resource][0](
            task_id="load", sql_conn_id="warehouse", table="target", personal_data=setting, extra_fields=True
        )


def test_an_unknown_setting_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidRequest, match=r"personal_data is 'mask'; it must be one of 'keep', 'hash', 'drop'"):
        RESOURCES["messages"][0](task_id="load", sql_conn_id="warehouse", table="target", personal_data="mask")


def test_a_mapped_task_is_refused_when_it_runs(context: Any) -> None:
    operator = RESOURCES["messages"][0](task_id="load", sql_conn_id="warehouse", table="target", personal_data="hash")
    operator.extra_fields = True
    with pytest.raises(AirflowFailException, match="nobody can tell"):
        operator.execute(context)


@pytest.mark.parametrize("key", ["", "  "])
def test_hashing_without_a_key_fails_at_once_and_says_where_it_belongs(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], sqlite_warehouse: Warehouse, context: Any, key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    set_key(hvsms_connection, monkeypatch, key)
    with pytest.raises(AirflowFailException, match=r"'hvsms_default': hash_key is missing in the extra"):
        load(context, "messages", personal_data="hash")
    assert (sandbox.counters.reads, sqlite_warehouse.tables()) == (0, [])


def test_dropping_needs_no_key(sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any) -> None:
    assert load(context, "messages", personal_data="drop")["rows"] > 0


def test_a_failing_load_names_no_value_of_the_record(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, with_key: None, task_log: Callable[[], str]
) -> None:
    personal = plant(sandbox)
    start, _ = last_day(sandbox)
    sandbox.store.add_raw_message({"id": f"{TEXT} {NUMBER}", "creationTime": NUMBER}, created=start)
    with pytest.raises(AirflowFailException) as failure:
        load(context, "messages", personal_data="hash", on_invalid="fail")
    assert personal.found_in(str(failure.value) + task_log()) == set()
    assert re.search("cannot be read", str(failure.value))
