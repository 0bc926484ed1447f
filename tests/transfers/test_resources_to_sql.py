"""Each resource reaches its table: exactly, repeatedly, concurrently, or not at all."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_hvsms.sandbox import Fault, Sandbox
from airflow_provider_hvsms.transfers import hvsms_to_sql
from airflow_provider_hvsms.transfers.hvsms_to_sql import (
    HvsmsBatchesToSqlOperator,
    HvsmsMessagesToSqlOperator,
    HvsmsOptOutsToSqlOperator,
    HvsmsStatusesToSqlOperator,
)
from tests.conftest import Warehouse
from tests.support.history import DAY, last_day, stored_between
from tests.support.waiting import wait_for
from tests.transfers import processes

OPERATORS = [
    HvsmsMessagesToSqlOperator,
    HvsmsBatchesToSqlOperator,
    HvsmsStatusesToSqlOperator,
    HvsmsOptOutsToSqlOperator,
]
EACH = pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)


def run(operator: Any, context: Any, **arguments: Any) -> dict[str, Any]:
    given = {"task_id": "load", "sql_conn_id": "warehouse", "table": "target", **arguments}
    summary: dict[str, Any] = operator(**given).execute(context)
    return summary


def test_batches_of_the_interval_are_loaded_exactly(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    start, end = last_day(sandbox)
    expected = [batch for batch in sandbox.store.batches if start <= batch.creation_time < end]
    assert run(HvsmsBatchesToSqlOperator, context)["rows"] == len(expected)
    query = "SELECT id, from_number, batch_size, processed_count, status, rejected_count, rejected FROM target"
    found = sorted((*row[:-1], len(json.loads(row[-1]))) for row in warehouse.query(query))
    assert found == sorted(
        (b.id, b.from_number, b.size, b.size, "Completed", len(b.rejected), len(b.rejected)) for b in expected
    )
    costs = {row[0]: Decimal(str(row[1])) for row in warehouse.query("SELECT id, cost FROM target")}
    for batch in expected:
        assert costs[batch.id] == pytest.approx(Decimal(str(sandbox.store.batch_state(batch, sandbox.store.now).cost)))


def test_statuses_of_the_interval_are_loaded_one_row_a_status(
    sandbox: Sandbox, warehouse: Warehouse, context: Any
) -> None:
    expected = Counter(message.final_status for message in stored_between(sandbox, *last_day(sandbox)))
    assert run(HvsmsStatusesToSqlOperator, context)["rows"] == 5
    rows = warehouse.query("SELECT status, count, batch_id, direction, phone_numbers, error_code_counts FROM target")
    assert {row[0]: row[1] for row in rows} == {
        status: expected[status] for status in ("Queued", "Sent", "Delivered", "DeliveryFailed", "SendingFailed")
    }
    assert {row[2:5] for row in rows} == {("", "", "")}
    [codes] = [json.loads(row[5]) for row in rows if row[0] == "DeliveryFailed"]
    assert sum(codes.values()) == expected["DeliveryFailed"]


def test_statuses_of_a_window_that_is_not_over_are_brought_up_to_date(
    sandbox: Sandbox, warehouse: Warehouse, context: Any
) -> None:
    """Both runs are about the same interval, though the first one could read only a part of it."""
    end = last_day(sandbox)[1]
    today = {"data_interval_start": end, "data_interval_end": end + DAY}
    run(HvsmsStatusesToSqlOperator, today)
    sandbox.store.add_message(created=end, from_number="+1", to_number="+2")
    run(HvsmsStatusesToSqlOperator, today)
    assert warehouse.query("SELECT count(*), sum(count) FROM target")[0] == (5, 1)


def test_opt_outs_are_loaded_exactly(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    summary = run(HvsmsOptOutsToSqlOperator, context)
    assert sorted(warehouse.query("SELECT from_number, to_number, status, source FROM target")) == sorted(
        (opt_out.from_number, opt_out.to_number, opt_out.status, opt_out.source) for opt_out in sandbox.store.opt_outs
    )
    assert (summary["date_from"], summary["date_to"]) == (None, None)


def test_who_opts_in_again_does_not_stay_opted_out(sandbox: Sandbox, warehouse: Warehouse, context: Any) -> None:
    sandbox.store.add_opt_out(from_number="+16505550100", to_number="+16505550177", status="OptOut")
    run(HvsmsOptOutsToSqlOperator, context)
    sandbox.store.add_opt_out(from_number="+16505550100", to_number="+16505550177", status="OptIn")
    run(HvsmsOptOutsToSqlOperator, context)
    assert warehouse.query("SELECT status FROM target WHERE to_number = '+16505550177'") == [("OptIn",)]


@pytest.mark.parametrize("operator", [HvsmsMessagesToSqlOperator, HvsmsStatusesToSqlOperator])
def test_a_batch_alone_is_read_from_its_creation_to_now(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any, operator: Any
) -> None:
    """The service would take the last 24 hours beside a batch id; this batch is two days old."""
    batch = sandbox.store.batches[0]
    for _ in range(2):
        run(operator, context, batch_id=batch.id)
    expected = len(sandbox.store.messages_of(batch))
    counted = "sum(count)" if operator is HvsmsStatusesToSqlOperator else "count(*)"
    assert sqlite_warehouse.query(f"SELECT {counted} FROM target WHERE batch_id = '{batch.id}'") == [(expected,)]


def test_an_unknown_batch_fails_at_once_and_leaves_the_table(
    sandbox: Sandbox, sqlite_warehouse: Warehouse, context: Any
) -> None:
    with pytest.raises(AirflowFailException, match="/batches/no-such-batch.*404"):
        run(HvsmsMessagesToSqlOperator, context, batch_id="no-such-batch")
    assert sqlite_warehouse.tables() == []


def test_batch_ids_can_be_mapped_over(sandbox: Sandbox) -> None:
    from airflow.providers.common.compat.sdk import DAG

    with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1)):  # noqa: DTZ001 - never run
        for operator in (HvsmsMessagesToSqlOperator, HvsmsStatusesToSqlOperator):
            operator.partial(task_id=operator.__name__, sql_conn_id="warehouse", table="target").expand(
                batch_id=["one", "two"]
            )


@EACH
def test_the_same_window_twice_gives_the_same_table(
    sandbox: Sandbox, warehouse: Warehouse, context: Any, operator: Any
) -> None:
    first = run(operator, context)
    before = sorted(warehouse.query("SELECT * FROM target"), key=str)
    assert before
    assert run(operator, context) == {**first, "inserted": 0, "unchanged": first["inserted"]}
    assert sorted(warehouse.query("SELECT * FROM target"), key=str) == before


def test_overlapping_windows_at_once_in_two_processes_give_the_same_tables(
    sandbox: Sandbox, warehouse: Warehouse, context: Any
) -> None:
    start, end = last_day(sandbox)
    intervals = [(start - DAY, end - DAY / 2), (start - DAY / 2, end)]
    operators = {
        f"{hvsms_to_sql.__name__}.{operator.__name__}": {"sql_conn_id": "warehouse", "table": operator.__name__}
        for operator in OPERATORS
    }
    both = [processes.start(operators, interval) for interval in intervals]
    for process in both:
        process.join(timeout=300)
    assert [process.exitcode for process in both] == [0, 0]
    tables = {operator: f'"{operator.__name__}"' for operator in OPERATORS}
    unstamped = {
        table: sorted((row[:-1] for row in warehouse.query(f"SELECT * FROM {table}")), key=str)
        for table in tables.values()
    }
    for operator, table in tables.items():
        for start_, end_ in intervals:
            run(
                operator, {"data_interval_start": start_, "data_interval_end": end_}, table=f"again_{operator.__name__}"
            )
        again = warehouse.query(f'SELECT * FROM "again_{operator.__name__}"')
        assert sorted((row[:-1] for row in again), key=str) == unstamped[table]


@pytest.mark.parametrize("pages", [1, 2, 5, 10, 20, 30])
def test_a_load_killed_on_its_way_leaves_no_partial_table(
    sandbox: Sandbox, warehouse: Warehouse, context: Any, pages: int
) -> None:
    name = f"{hvsms_to_sql.__name__}.HvsmsMessagesToSqlOperator"
    sandbox.faults.add(Fault.slow(30), times=None, path="/messages", after=pages)
    process = processes.start(
        {name: {"sql_conn_id": "warehouse", "table": "target", "per_page": 20}}, last_day(sandbox)
    )
    wait_for(lambda: sandbox.counters.reads > pages)
    assert process.is_alive()
    process.kill()
    process.join(timeout=10)
    assert process.exitcode == -signal.SIGKILL
    assert warehouse.tables() == []
    sandbox.faults.clear()
    run(HvsmsMessagesToSqlOperator, context)
    expected = sorted(str(message.id) for message in stored_between(sandbox, *last_day(sandbox)))
    assert sorted(row[0] for row in warehouse.query("SELECT id FROM target")) == expected


def test_odd_records_are_quarantined_with_their_reason_and_counted(
    sandbox: Sandbox, warehouse: Warehouse, context: Any, task_log: Callable[[], str]
) -> None:
    start, end = last_day(sandbox)
    odd = {"id": 77, "creationTime": "20211-11-14T20:19:56.505461Z", "from": "+16505550177"}
    sandbox.store.add_raw_message(odd, created=start)
    sandbox.store.add_raw_message("not even an object", created=start + timedelta(hours=1))
    for _ in range(2):
        summary = run(HvsmsMessagesToSqlOperator, context, on_invalid="quarantine")
        assert (summary["rejected"], summary["rows"]) == (2, len(stored_between(sandbox, start, end)))
    rejects = {
        json.dumps(json.loads(row[0])): row[1] for row in warehouse.query("SELECT record, reason FROM target_rejects")
    }
    assert set(rejects) == {json.dumps(odd), '"not even an object"'}
    assert "message 77" in rejects[json.dumps(odd)]
    assert warehouse.query("SELECT count(*) FROM target") == [(summary["rows"],)]
    log = task_log()
    assert "2 records could not be read" in log
    assert "6505550177" not in log
