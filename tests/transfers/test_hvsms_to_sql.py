"""A data interval of messages reaches the table: exactly, again and again, or not at all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import ConnectionUnavailable, InvalidRequest
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
from tests.conftest import Warehouse
from tests.support.history import DAY, last_day, stored_between
from tests.support.waiting import wait_for


def operator(**arguments: Any) -> HvsmsMessagesToSqlOperator:
    return HvsmsMessagesToSqlOperator(
        **{"task_id": "load", "sql_conn_id": "warehouse", "table": "messages", **arguments}
    )


def test_the_messages_of_the_interval_are_loaded_exactly(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    expected = stored_between(sandbox, *last_day(sandbox))
    summary = operator().execute(context)
    assert sorted(warehouse.query("SELECT id, from_number, to_number, message_status FROM messages")) == sorted(
        (str(message.id), message.from_number, ",".join(message.to_numbers), message.final_status)
        for message in expected
    )
    assert summary["rows"] == len(expected)


def test_the_summary_holds_counts_and_dates_and_nothing_personal(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any
) -> None:
    start, end = last_day(sandbox)
    rows = len(stored_between(sandbox, start, end))
    assert operator(per_page=100, concurrency=1).execute(context) == {
        "rows": rows,
        "pages": -(-rows // 100),
        "requests": -(-rows // 100) + 1,
        "date_from": start.isoformat(),
        "date_to": end.isoformat(),
        "reconciled": {"read": rows, "counted": rows},
        "inserted": rows,
        "updated": 0,
        "unchanged": 0,
    }


def test_the_same_interval_again_gives_the_same_table(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    first = operator().execute(context)
    before = warehouse.query("SELECT * FROM messages ORDER BY id")
    assert operator().execute(context) == {**first, "inserted": 0, "unchanged": first["rows"]}
    assert warehouse.query("SELECT * FROM messages ORDER BY id") == before


def test_table_that_lacks_a_column_is_refused_if_asked(sqlite_warehouse: Warehouse, context: Any) -> None:
    operator().execute(context)
    sqlite_warehouse.run("ALTER TABLE messages DROP COLUMN cost")
    with pytest.raises(AirflowFailException, match="lacks cost, and on_schema_change='fail' adds no column"):
        operator(on_schema_change="fail").execute(context)
    operator().execute(context)
    assert sqlite_warehouse.query("SELECT count(cost) > 0 FROM messages") == [(1,)]


def test_a_lookback_brings_settled_statuses(clock: Any, sqlite_warehouse: Warehouse, monkeypatch: Any) -> None:
    midnight = datetime.fromtimestamp(clock.now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    clock.now = midnight.timestamp()
    with Sandbox(Settings(messages=10, days=3, light=10_000, auth=1_000), clock=clock) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(sandbox.airflow_connection))
        sandbox.store.add_message(
            created=midnight - timedelta(minutes=5), from_number="+16505550100", to_number="+16505550101",
            sent_after=1, settled_after=7200,
        )  # fmt: skip
        nights: list[Any] = [
            {"data_interval_start": midnight - DAY, "data_interval_end": midnight},
            {"data_interval_start": midnight, "data_interval_end": midnight + DAY},
        ]
        operator(lookback=DAY).execute(nights[0])
        query = "SELECT message_status FROM messages WHERE to_number = '+16505550101'"
        assert sqlite_warehouse.query(query) == [("Sent",)]
        clock.now += 86_400
        operator(lookback=DAY).execute(nights[1])
        assert sqlite_warehouse.query(query) == [("Delivered",)]


@pytest.mark.parametrize(
    "filters",
    [
        {"direction": "Inbound"},
        {"view": "Detailed"},
        {"batch_id": "the first"},
        {"phone_numbers": "the first"},
        {"phone_numbers": "the first, as text"},
    ],
    ids=str,
)
def test_every_filter_loads_what_it_names(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, filters: dict[str, Any]
) -> None:
    everything = stored_between(sandbox, *last_day(sandbox))
    first = next(message for message in everything if message.batch_id)
    values = {
        "the first": first.batch_id if "batch_id" in filters else list(first.to_numbers),
        "the first, as text": f"{first.to_numbers[0]}, +16505559999",
    }
    given = {name: values.get(value, value) for name, value in filters.items()}
    operator(**given).execute(context)
    expected = [
        message
        for message in everything
        if ("direction" not in given or message.direction == given["direction"])
        and ("batch_id" not in given or message.batch_id == given["batch_id"])
        and ("phone_numbers" not in given or first.to_numbers[0] in (message.from_number, *message.to_numbers))
    ]
    texts = {str(message.id): message.text if "view" in given else None for message in expected}
    assert dict(sqlite_warehouse.query("SELECT id, text FROM messages")) == texts


def test_a_window_of_the_users_own_is_read(sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any) -> None:
    start, _ = last_day(sandbox)
    operator(date_from=start - DAY, date_to=(start + timedelta(hours=6)).isoformat()).execute(context)
    expected = stored_between(sandbox, start - DAY, start + timedelta(hours=6))
    assert sqlite_warehouse.query("SELECT count(*) FROM messages") == [(len(expected),)]


def test_an_empty_interval_fails_at_once_with_both_remedies(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any
) -> None:
    context["data_interval_start"] = context["data_interval_end"]
    with pytest.raises(AirflowFailException, match=r"CronDataIntervalTimetable.*window=timedelta\(days=1\)"):
        operator().execute(context)
    assert sandbox.counters.reads == 0
    operator(window=DAY).execute(context)
    expected = stored_between(sandbox, *last_day(sandbox))
    assert sqlite_warehouse.query("SELECT count(*) FROM messages") == [(len(expected),)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"view": "Full"}, "view"),
        ({"direction": "Up"}, "direction"),
        ({"per_page": 1001}, "per_page"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 17}, "concurrency"),
        ({"phone_numbers": [f"+1650555{n:04}" for n in range(16)]}, "at most 15"),
        ({"batch_id": ""}, "batch_id"),
        ({"table": "None"}, "table"),
        ({"date_from": "2026-11-01"}, "time zone"),
        ({"on_invalid": "ignore"}, "on_invalid"),
        ({"window": timedelta(days=-1)}, "window"),
    ],
)
def test_what_is_known_to_be_wrong_is_refused_when_the_dag_is_parsed(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        operator(**arguments)


@pytest.mark.parametrize(
    ("rendered", "complaint"),
    [
        ({"view": "Full"}, "view"),
        ({"batch_id": "None"}, "rendered to nothing"),
        ({"phone_numbers": ""}, "phone number"),
    ],
)
def test_what_a_template_rendered_to_is_checked_before_the_first_request(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, rendered: dict[str, str], complaint: str
) -> None:
    [(name, value)] = rendered.items()
    task = operator(**{name: "{{ params.x }}"})
    setattr(task, name, value)
    with pytest.raises(AirflowFailException, match=complaint):
        task.execute(context)
    assert sandbox.counters.reads == 0


def test_the_target_is_checked_before_the_first_request(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    warehouse.run("CREATE TABLE messages (id INTEGER)")
    with pytest.raises(AirflowFailException, match="exists, but with other columns"):
        operator().execute(context)
    assert sandbox.counters.snapshot()["answers"] == {}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"password": "wrong"}, "client secret"),
        ({"extra": {"jwt_token": "a.b.c"}}, "jwt_token"),
        ({"extra": {}}, "jwt_token and username are both missing"),
    ],
)
def test_wrong_credentials_fail_the_task_at_once_and_name_the_field(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, hvsms_connection: Any, monkeypatch: Any,
    changes: dict[str, Any], complaint: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**hvsms_connection, **changes}))
    with pytest.raises(AirflowFailException, match=f"Connection 'hvsms_default': .*{complaint}"):
        operator().execute(context)
    assert sqlite_warehouse.tables() == []


@pytest.mark.parametrize("name", ["hvsms_conn_id", "sql_conn_id"])
def test_a_connection_that_airflow_does_not_find_is_named_and_left_to_airflows_retries(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, airflow_database: None, name: str
) -> None:
    with pytest.raises(ConnectionUnavailable, match="'nowhere'.*create it.*secrets backend"):
        operator(**{name: "nowhere"}).execute(context)


def test_a_connection_that_is_no_database_is_named(sandbox: Sandbox, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="'hvsms_default' gives a HvsmsHook.*sql_conn_id"):
        operator(sql_conn_id="hvsms_default").execute(context)


def test_a_bad_record_fails_the_load_and_leaves_the_table(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    operator().execute(context)
    before = warehouse.query("SELECT * FROM messages ORDER BY id")
    sandbox.store.add_raw_message({"id": 77, "creationTime": "soon"}, created=last_day(sandbox)[0])
    sandbox.store.add_message(
        created=last_day(sandbox)[0] + timedelta(hours=1), from_number="+16505550100", to_number="+16505550101"
    )
    with pytest.raises(AirflowFailException, match="message 77 .*creationTime"):
        operator().execute(context)
    assert warehouse.query("SELECT * FROM messages ORDER BY id") == before


def test_phone_numbers_are_masked_in_rendered_templates() -> None:
    from airflow.providers.common.compat.sdk import redact

    task: Any = operator(phone_numbers="{{ var.value.number }}")
    task.phone_numbers = "+16505550188"
    assert "phone_numbers" in task.template_fields
    assert redact(task.phone_numbers) == "***"
    task = operator(phone_numbers=["+16505550199"])
    assert redact(task.phone_numbers) == ["***"]


_RUN = """
import sys, datetime
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
start, end = map(datetime.datetime.fromisoformat, sys.argv[1:])
task = HvsmsMessagesToSqlOperator(task_id="load", sql_conn_id="warehouse", table="messages", per_page=10)
task.execute({"data_interval_start": start, "data_interval_end": end})
"""


def test_a_killed_load_leaves_the_table_as_it_was_and_the_next_one_succeeds(
    sandbox: Sandbox, warehouse: Warehouse, context: Any
) -> None:
    start, end = last_day(sandbox)
    operator(date_from=start - DAY, date_to=start).execute(context)
    before = warehouse.query("SELECT * FROM messages ORDER BY id")
    asked = sandbox.counters.reads
    sandbox.faults.add(Fault.slow(30), times=None, path="/messages", after=5)
    process = subprocess.Popen([sys.executable, "-c", _RUN, start.isoformat(), end.isoformat()])
    wait_for(lambda: sandbox.counters.reads > asked + 5)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=10) == -signal.SIGKILL
    assert warehouse.query("SELECT * FROM messages ORDER BY id") == before
    sandbox.faults.clear()
    operator().execute(context)
    expected = stored_between(sandbox, start - DAY, end)
    assert warehouse.query("SELECT count(*) FROM messages") == [(len(expected),)]
