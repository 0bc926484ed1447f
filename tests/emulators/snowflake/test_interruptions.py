"""A load that fails or is killed leaves the table as it was."""

from __future__ import annotations

import multiprocessing
import random
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import LoadFailed, LoadRefused
from airflow_provider_hvsms.sinks.schema import MESSAGES, REJECTS
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from airflow_provider_hvsms.sinks.warehouses.sink import open_warehouse_table
from airflow_provider_hvsms.sinks.warehouses.snowflake import Snowflake
from tests.emulators.snowflake.conftest import SnowflakeWarehouse
from tests.emulators.warehouses.loading import LATER, interrupted, load, many, open_table, rows
from tests.support.messages import LOADED_AT, REJECT, message
from tests.support.waiting import wait_for

KILLS = 20
MAX_STATEMENTS = 60
"""Those of about two loads."""


def test_load_that_is_interrupted_leaves_the_table_unchanged(warehouse: SnowflakeWarehouse) -> None:
    load([rows(message(1))])
    before = warehouse.query("SELECT * FROM messages")
    with pytest.raises(RuntimeError, match="the connection was lost"):
        load(interrupted(), rejects=REJECTS.rows([REJECT], LOADED_AT))
    assert warehouse.query("SELECT * FROM messages") == before
    assert warehouse.tables() == ["HVSMS_LOCK", "MESSAGES"]


def test_interrupted_first_load_leaves_no_table(warehouse: SnowflakeWarehouse) -> None:
    with pytest.raises(RuntimeError, match="the connection was lost"):
        load(interrupted())
    assert warehouse.tables() == ["HVSMS_LOCK"]


@pytest.mark.parametrize("statement", ["PUT", "COPY INTO", "BEGIN", "MERGE INTO", "COMMIT"])
def test_load_whose_statement_fails_leaves_the_rows_unchanged(warehouse: SnowflakeWarehouse, statement: str) -> None:
    load([rows(message(1))])
    checks_before = 1 if statement == "MERGE INTO" else 0
    warehouse.fail(statement, 100183, "22000", "refused", checks_before)
    with pytest.raises(LoadRefused, match="100183: refused. The table's rows were not changed"):
        load([rows(message(1, message_status="Delivered", last_modified_time=LATER), message(2))])
    assert warehouse.query("SELECT id, message_status FROM messages") == [("1", "Sent")]


def test_first_load_whose_merge_fails_leaves_the_table_empty(warehouse: SnowflakeWarehouse) -> None:
    warehouse.fail("MERGE INTO", 100183, "22000", "refused")
    with pytest.raises(LoadRefused):
        load([rows(message(1))], rejects=REJECTS.rows([REJECT], LOADED_AT))
    assert warehouse.query("SELECT * FROM messages") == []
    assert warehouse.query("SELECT * FROM messages_rejects") == []
    load([rows(message(1))])
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_load_whose_staged_rows_are_incomplete_is_refused(
    warehouse: SnowflakeWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.sinks.warehouses.parts.ROWS_PER_PART", 1_000)
    target = find_warehouse(BaseHook.get_hook("warehouse"))
    assert isinstance(target, Snowflake)
    with pytest.raises(LoadFailed, match="holds 1,499 rows, and 1,500 were loaded into it.*not changed"):
        with open_warehouse_table(target, "messages", MESSAGES) as sink:
            sink.add(many(1_500), [])
            [stage] = [one.split()[3] for one in warehouse.emulator.statements if "TEMPORARY TABLE" in one]
            target._run(f"DELETE FROM {stage} WHERE HVSMS_SEQUENCE = 7")
            sink.finish({})
    assert warehouse.query("SELECT * FROM messages") == []


def test_load_that_is_not_finished_drops_its_staging_tables(warehouse: SnowflakeWarehouse) -> None:
    with open_table(with_rejects=True) as sink:
        sink.add(rows(message(1)), [])
    created = [one.split()[3] for one in warehouse.emulator.statements if one.startswith("CREATE TEMPORARY TABLE")]
    dropped = [one.split()[4] for one in warehouse.emulator.statements if one.startswith("DROP TABLE IF EXISTS")]
    assert len(created) == 2
    assert dropped == created


def test_session_is_kept_alive_while_pages_are_waited_for(
    warehouse: SnowflakeWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.sinks.warehouses.snowflake.SECONDS_BETWEEN_STATEMENTS", 0.0)
    with open_table() as sink:
        warehouse.emulator.statements.clear()
        sink.add(rows(message(1)), [])
        assert warehouse.emulator.statements == ["SELECT 1"]


def test_no_part_is_left_on_the_local_disk(
    warehouse: SnowflakeWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.sinks.warehouses.parts.ROWS_PER_PART", 1_000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_table() as sink:
        sink.add(many(2_500), [])
        assert not list(tmp_path.iterdir())
        sink.finish({})
    assert not list(tmp_path.iterdir())


def test_twenty_kills_at_random_moments_leave_no_partial_state(warehouse: SnowflakeWarehouse) -> None:
    from tests.emulators.snowflake.endless_loads import ROWS, load_endlessly

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.emulators.snowflake.endless_loads"])
    moments = random.Random(10)
    states = set()
    for number in range(KILLS):
        statements = warehouse.emulator.statements
        last = len(statements) + moments.randint(1, MAX_STATEMENTS)
        process = context.Process(target=load_endlessly, args=(1_000 * number,))
        process.start()
        wait_for(lambda: len(statements) >= last)  # noqa: B023 - called at once
        process.kill()
        process.join()
        if "MESSAGES" in warehouse.tables():
            found = warehouse.query("SELECT message_status, COUNT(*) FROM messages GROUP BY 1")
            assert [count for _, count in found] in ([], [ROWS])
            states |= {int(state) for state, _ in found}
    rejects = warehouse.query("SELECT reason FROM messages_rejects")
    assert states <= {int(reason) for (reason,) in rejects}
    assert len(states) > KILLS // 4
    assert warehouse.tables() == ["HVSMS_LOCK", "MESSAGES", "MESSAGES_REJECTS"]
