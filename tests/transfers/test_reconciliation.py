"""A load of messages is compared with the message store's totals of the same window and filters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.api.errors import InvalidRequest, TotalsDiffer
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.sandbox.data.records import Message
from airflow_provider_hvsms.sandbox.http.response import Response
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator, HvsmsStatusesToSqlOperator
from tests.conftest import Warehouse
from tests.support.history import DAY, last_day, stored_between

ODD = {"id": 77, "creationTime": "soon", "direction": "Inbound", "messageStatus": "Delivered"}


@pytest.fixture
def day(sandbox: Sandbox) -> tuple[datetime, datetime]:
    """A day that has been over for more than an hour, at any time."""
    start, end = last_day(sandbox)
    return start - DAY, end - DAY


@pytest.fixture
def messages(sandbox: Sandbox, day: tuple[datetime, datetime]) -> list[Message]:
    return stored_between(sandbox, *day)


@pytest.fixture
def load(day: tuple[datetime, datetime], context: Any) -> Callable[..., dict[str, Any]]:
    """Load the day into a table."""

    def run(operator: Any = HvsmsMessagesToSqlOperator, **arguments: Any) -> dict[str, Any]:
        start, end = day
        given = {"task_id": "load", "sql_conn_id": "warehouse", "table": "messages", "date_from": start, "date_to": end}
        summary: dict[str, Any] = operator(**{**given, **arguments}).execute(context)
        return summary

    return run


@pytest.fixture
def write(
    day: tuple[datetime, datetime], hvsms_connection: Any, context: Any, tmp_path: Path
) -> Callable[..., dict[str, Any]]:
    """Write the day into a folder."""

    def run(**arguments: Any) -> dict[str, Any]:
        start, end = day
        given = {"task_id": "write", "path": f"file://{tmp_path}/lake", "date_from": start, "date_to": end}
        summary: dict[str, Any] = HvsmsMessagesToObjectStorageOperator(**{**given, **arguments}).execute(context)
        return summary

    return run


def hide(sandbox: Sandbox, messages: list[Message]) -> None:
    """Let the lists lack some messages, which the statuses count."""
    sandbox.faults.add(Fault.hide([str(message.id) for message in messages]), times=None, path="/messages")


def counts(messages: list[Message], direction: str) -> int:
    return sum(message.direction == direction for message in messages)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_messages_that_are_not_listed_fail_the_load_with_both_numbers_and_leave_the_table(
    sandbox: Sandbox, warehouse: Warehouse, messages: list[Message], load: Any, concurrency: int
) -> None:
    load()
    before = warehouse.query("SELECT * FROM messages ORDER BY id")
    hidden = messages[5:400:40]
    hide(sandbox, hidden)
    with pytest.raises(TotalsDiffer) as failure:
        load(reconcile="fail", per_page=50, concurrency=concurrency)
    text = str(failure.value)
    assert text.startswith(f"{len(messages) - 10:,} messages created in [")
    assert f"the message store counts {len(messages):,} (Inbound: " in text
    for direction in ("Inbound", "Outbound"):
        counted = counts(messages, direction)
        assert f"{direction}: {counted - counts(hidden, direction):,} read, {counted:,} counted" in text
    assert text.endswith("The target is as it was.")
    assert warehouse.query("SELECT * FROM messages ORDER BY id") == before


def test_messages_that_are_not_listed_fail_the_load_and_leave_the_folder(
    sandbox: Sandbox, messages: list[Message], write: Any, tmp_path: Path
) -> None:
    write()
    before = files(tmp_path / "lake")
    hide(sandbox, messages[:10])
    with pytest.raises(TotalsDiffer, match=f"^{len(messages) - 10:,} messages .* counts {len(messages):,} "):
        write(reconcile="fail")
    assert files(tmp_path / "lake") == before


def test_a_load_fails_only_as_long_as_messages_are_hidden(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], load: Any
) -> None:
    hide(sandbox, messages[:10])
    with pytest.raises(TotalsDiffer):
        load(reconcile="fail")
    sandbox.faults.clear()
    assert load(reconcile="fail")["rows"] == len(messages)


@pytest.mark.parametrize("reconcile", ["warn", "fail"])
def test_equal_totals_cost_exactly_one_request(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], load: Any, reconcile: str
) -> None:
    without = load(reconcile="off", concurrency=1)
    assert "statuses" not in sandbox.counters.requests
    compared = load(reconcile=reconcile, concurrency=1)
    assert compared["requests"] == without["requests"] + 1
    assert sandbox.counters.requests["statuses"] == 1
    assert compared["reconciled"] == {"read": len(messages), "counted": len(messages)}
    assert "reconciled" not in without


def test_by_default_a_difference_is_a_warning_and_both_numbers_are_in_the_summary(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], load: Any, task_log: Callable[[], str]
) -> None:
    hide(sandbox, messages[:10])
    summary = load()
    assert summary["rows"] == len(messages) - 10
    assert summary["reconciled"] == {"read": len(messages) - 10, "counted": len(messages)}
    assert sqlite_warehouse.query("SELECT count(*) FROM messages") == [(summary["rows"],)]
    warning = next(line for line in task_log().splitlines() if f"counts {len(messages):,} (Inbound: " in line)
    assert "warning" in warning.lower()
    assert "run it again" in warning
    assert "What was read is loaded." in warning


def test_both_numbers_are_in_the_success_file(
    sandbox: Sandbox, messages: list[Message], write: Any, tmp_path: Path
) -> None:
    hide(sandbox, messages[:10])
    write()
    success = json.loads((tmp_path / "lake" / "_SUCCESS").read_text())
    assert success["reconciled"] == {"read": len(messages) - 10, "counted": len(messages)}


def test_folders_by_day_have_the_numbers_of_the_whole_load(
    sandbox: Sandbox, messages: list[Message], write: Any, tmp_path: Path
) -> None:
    write(partition_by="hour")
    found = [json.loads(path.read_text())["reconciled"] for path in (tmp_path / "lake").glob("*/_SUCCESS")]
    assert found == [{"read": len(messages), "counted": len(messages)}] * 24


@pytest.mark.parametrize("name", ["batch_id", "phone_numbers", "direction"])
def test_the_totals_have_the_filters_of_the_read(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], load: Any, name: str
) -> None:
    first = next(message for message in messages if message.batch_id)
    filters = {"batch_id": first.batch_id, "phone_numbers": list(first.to_numbers), "direction": "Outbound"}
    summary = load(reconcile="fail", **{name: filters[name]})
    assert 0 < summary["rows"] == summary["reconciled"]["counted"] < len(messages)
    hide(sandbox, [first])
    with pytest.raises(TotalsDiffer, match=f"^{summary['rows'] - 1:,} messages .* counts {summary['rows']:,} "):
        load(reconcile="fail", **{name: filters[name]})


def test_a_load_of_one_direction_asks_for_no_further_totals(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], load: Any
) -> None:
    hide(sandbox, [message for message in messages if message.direction == "Inbound"][:10])
    with pytest.raises(TotalsDiffer, match=r"\(Inbound only\)"):
        load(reconcile="fail", direction="Inbound")
    assert sandbox.counters.requests["statuses"] == 1


def test_no_phone_number_is_in_the_message(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], load: Any
) -> None:
    hide(sandbox, messages)
    with pytest.raises(TotalsDiffer) as failure:
        load(reconcile="fail", phone_numbers=list(messages[0].to_numbers))
    assert messages[0].to_numbers[0].removeprefix("+") not in str(failure.value)


def test_records_that_go_to_the_rejects_count_as_read(
    sandbox: Sandbox, warehouse: Warehouse, day: Any, messages: list[Message], load: Any
) -> None:
    sandbox.store.add_raw_message(ODD, created=day[0])
    summary = load(reconcile="fail", on_invalid="quarantine")
    assert (summary["rows"], summary["rejected"]) == (len(messages), 1)
    assert summary["reconciled"] == {"read": len(messages) + 1, "counted": len(messages) + 1}
    hide(sandbox, messages[:1])
    with pytest.raises(TotalsDiffer):
        load(reconcile="fail", on_invalid="quarantine")


@pytest.mark.parametrize("record", [{"id": 77}, {"id": 77, "messageStatus": ["Sent"]}, [], 1], ids=str)
def test_a_reject_without_a_status_is_no_difference(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, day: Any, messages: list[Message], load: Any, record: Any
) -> None:
    sandbox.store.add_raw_message(record, created=day[0])
    summary = load(reconcile="fail", on_invalid="quarantine")
    assert summary["reconciled"] == {"read": len(messages) + 1, "counted": len(messages)}


def test_a_status_that_the_totals_do_not_have_is_no_difference(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, day: Any, messages: list[Message], load: Any
) -> None:
    for _ in range(3):
        sandbox.store.add_message(created=day[0], final_status="Archived")
    summary = load(reconcile="fail")
    assert summary["reconciled"] == {"read": len(messages) + 3, "counted": len(messages)}
    hide(sandbox, messages[:4])
    with pytest.raises(TotalsDiffer):
        load(reconcile="fail")


def test_an_undocumented_status_that_is_counted_belongs_to_the_total(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, day: Any, messages: list[Message], load: Any
) -> None:
    sandbox.store.add_message(created=day[0], final_status="Archived")

    def add_total(make_response: Callable[[], Response], _wait: object) -> Response:
        return Response.of_json({**json.loads(make_response().body), "archived": {"count": 1}})

    sandbox.faults.add(Fault(add_total), path="/statuses")
    assert load(reconcile="fail")["reconciled"] == {"read": len(messages) + 1, "counted": len(messages) + 1}


def test_an_empty_window_is_compared_too(sandbox: Sandbox, sqlite_warehouse: Warehouse, day: Any, load: Any) -> None:
    summary = load(reconcile="fail", date_from=day[0] - 30 * DAY, date_to=day[0] - 29 * DAY)
    assert summary["reconciled"] == {"read": 0, "counted": 0}


def test_a_load_is_not_lost_because_its_totals_cannot_be_read(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], load: Any, task_log: Callable[[], str]
) -> None:
    sandbox.faults.add(Fault.server_error(400), times=None, path="/statuses")
    summary = load()
    assert (summary["rows"], summary["reconciled"]) == (len(messages), None)
    assert sqlite_warehouse.query("SELECT count(*) FROM messages") == [(len(messages),)]
    assert re.search(r"Whether all messages were read could not be checked.*400", log := task_log())
    assert "not reconciled" in log


def test_a_load_that_must_be_checked_fails_when_its_totals_cannot_be_read(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, load: Any
) -> None:
    sandbox.faults.add(Fault.server_error(400), path="/statuses")
    with pytest.raises(AirflowFailException, match="/statuses"):
        load(reconcile="fail")
    assert sqlite_warehouse.tables() == []


def test_a_difference_is_told_without_directions_if_they_cannot_be_counted(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], load: Any
) -> None:
    hide(sandbox, messages[:10])
    sandbox.faults.add(Fault.server_error(400), times=None, path="/statuses", after=1)
    with pytest.raises(TotalsDiffer, match=rf"counts {len(messages):,}\. "):
        load(reconcile="fail")


def test_messages_that_are_on_two_pages_are_more_than_the_message_store_counts(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(Settings(messages=300, days=3, page_shift=1, light=1_000)) as shifting:
        monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps(shifting.airflow_connection))
        start, end = last_day(shifting)
        task = HvsmsMessagesToSqlOperator(
            task_id="load", sql_conn_id="warehouse", table="messages", date_from=start - DAY, date_to=end - DAY,
            per_page=20, concurrency=1, reconcile="fail",
        )  # fmt: skip
        with pytest.raises(TotalsDiffer, match="listed twice because pages shifted"):
            task.execute({})
    assert sqlite_warehouse.tables() == []


def test_a_window_that_has_only_just_ended_is_said_to_be_one(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], day: Any, load: Any
) -> None:
    hide(sandbox, messages[:10])
    with pytest.raises(TotalsDiffer, match="may be listed late"):
        load(reconcile="fail", date_to=datetime.now(UTC) + timedelta(hours=1))


def test_a_batch_alone_is_compared_in_its_own_window(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, messages: list[Message], context: Any
) -> None:
    batch_id = next(message.batch_id for message in messages if message.batch_id)
    task = HvsmsMessagesToSqlOperator(
        task_id="load", sql_conn_id="warehouse", table="messages", batch_id=batch_id, reconcile="fail"
    )
    summary = task.execute(context)
    assert summary["reconciled"] == {"read": summary["rows"], "counted": summary["rows"]}


def test_other_resources_are_not_compared(sandbox: Sandbox, sqlite_warehouse: Warehouse, load: Any) -> None:
    assert "reconciled" not in load(HvsmsStatusesToSqlOperator)
    assert sandbox.counters.requests["statuses"] == 1


def test_a_choice_that_does_not_exist_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidRequest, match="reconcile"):
        HvsmsMessagesToSqlOperator(task_id="load", sql_conn_id="warehouse", table="messages", reconcile="maybe")
