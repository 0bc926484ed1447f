"""A load is a few statements, whatever its size, and one of them makes concurrent loads wait for each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from airflow_provider_hvsms.sinks.schema import REJECTS, Changes
from tests.emulators.snowflake.conftest import SnowflakeWarehouse
from tests.emulators.warehouses.loading import load, many, open_table, rows
from tests.support.messages import LOADED_AT, REJECT, message


@pytest.fixture
def parts_of_1000_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_hvsms.sinks.warehouses.parts.ROWS_PER_PART", 1_000)


def kinds(statements: list[str]) -> list[str]:
    """The first word of each statement; the connector's second PUT of the same part is left out."""
    words = [statement.split()[0] for statement in statements]
    return [word for word, previous in zip(words, ["", *words], strict=False) if (word, previous) != ("PUT", "PUT")]


def statements_of(warehouse: SnowflakeWarehouse, count: int) -> list[str]:
    warehouse.emulator.statements.clear()
    load([many(count)], rejects=REJECTS.rows([REJECT], LOADED_AT))
    return kinds(warehouse.emulator.statements)


def test_number_of_statements_grows_by_two_with_each_part_only(
    warehouse: SnowflakeWarehouse, parts_of_1000_rows: None
) -> None:
    load([], rejects=[])
    few, one_part, three_parts = (statements_of(warehouse, count) for count in (1, 1_000, 2_001))
    assert few == one_part
    assert sorted(three_parts) == sorted([*one_part, "PUT", "COPY", "PUT", "COPY"])
    assert len(one_part) <= 30
    assert warehouse.query("SELECT COUNT(*) FROM messages") == [(2_001,)]


def test_parts_are_removed_from_the_stage_as_they_are_loaded(
    warehouse: SnowflakeWarehouse, parts_of_1000_rows: None
) -> None:
    load([many(1_500)])
    copies = [statement for statement in warehouse.emulator.statements if statement.startswith("COPY")]
    assert len(copies) == 2
    assert all(statement.endswith("PURGE = TRUE") for statement in copies)


def test_rows_and_rejects_are_merged_in_one_transaction_that_takes_the_lock_first(
    warehouse: SnowflakeWarehouse,
) -> None:
    load([rows(message(1))], rejects=REJECTS.rows([REJECT], LOADED_AT))
    statements = warehouse.emulator.statements
    start = statements.index("BEGIN TRANSACTION")
    transaction = statements[start : start + 5]
    assert kinds(transaction) == ["BEGIN", "UPDATE", "MERGE", "MERGE", "COMMIT"]
    assert "HVSMS_LOCK" in transaction[1]


def test_rows_read_over_several_parts_keep_their_order(warehouse: SnowflakeWarehouse, parts_of_1000_rows: None) -> None:
    load([many(1_500, message_status="Queued"), many(1_500, message_status="Sent")])
    assert warehouse.query("SELECT message_status, COUNT(*) FROM messages GROUP BY 1") == [("Sent", 1_500)]


def test_loads_that_finish_at_once_give_each_row_once(warehouse: SnowflakeWarehouse) -> None:
    loads = 4
    together = Barrier(loads)

    def load_together() -> Changes:
        with open_table() as sink:
            sink.add(many(500), [])
            together.wait(60)
            return sink.finish({})

    with ThreadPoolExecutor(loads) as threads:
        changes = [one.result() for one in [threads.submit(load_together) for _ in range(loads)]]
    assert warehouse.query("SELECT COUNT(*), COUNT(DISTINCT id) FROM messages") == [(500, 500)]
    assert sorted((one.inserted, one.unchanged) for one in changes) == [*[(0, 500)] * (loads - 1), (500, 0)]
