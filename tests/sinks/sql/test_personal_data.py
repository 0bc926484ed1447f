"""A table keeps to one `personal_data`: a load with another one is refused, and changes nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.sinks.schema import REJECTS, Row
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import ChangedStatementsHook
from tests.sinks.sql.loading import Table, table, unreadable
from tests.support.messages import LOADED_AT, REJECT, message
from tests.support.personal_data import CHANGES, SETTINGS, layout_of, rows_of

Target = tuple[Warehouse, Table]


def load(target: Table, setting: PersonalData, batches: Any) -> None:
    Table(target.hook, target.name, layout_of(setting)).load(batches)


def contents(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query("SELECT id, from_number, to_number FROM messages ORDER BY id")


@pytest.mark.parametrize(("held", "setting"), CHANGES)
def test_another_setting_is_refused_before_the_read(target: Target, held: PersonalData, setting: PersonalData) -> None:
    warehouse, messages = target
    load(messages, held, [rows_of(held, message(1), message(2))])
    before = contents(warehouse)
    with pytest.raises(TableMismatch, match=f"'messages' holds .*{held!r}, but personal_data is {setting!r}. Nothing"):
        load(messages, setting, unreadable())
    assert contents(warehouse) == before
    assert len(warehouse.tables()) == 1


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_same_setting_is_accepted_again(target: Target, setting: PersonalData) -> None:
    warehouse, messages = target
    for number in (1, 2):
        load(messages, setting, [rows_of(setting, message(1), message(number, to=("+16505550101", "+16505550102")))])
    assert [row[0] for row in contents(warehouse)] == ["1", "2"]


@pytest.mark.parametrize(("held", "setting"), CHANGES)
def test_an_emptied_table_accepts_any_setting(target: Target, held: PersonalData, setting: PersonalData) -> None:
    warehouse, messages = target
    load(messages, held, [rows_of(held, message(1))])
    warehouse.run("DELETE FROM messages")
    load(messages, setting, [rows_of(setting, message(2))])
    assert [row[0] for row in contents(warehouse)] == ["2"]


@pytest.mark.parametrize("exists", [True, False])
def test_another_setting_of_a_load_at_the_same_time_is_refused_in_the_final_transaction(
    target: Target, exists: bool
) -> None:
    warehouse, messages = target
    if exists:
        load(messages, "keep", [])

    def batches() -> Any:
        yield rows_of("hash", message(1))
        load(messages, "keep", [rows_of("keep", message(2))])

    with pytest.raises(TableMismatch, match="Nothing was written"):
        load(messages, "hash", batches())
    assert contents(warehouse) == [("2", "+16505550100", "+16501112222")]


def test_refused_load_leaves_the_rejects_as_they_are(warehouse: Warehouse) -> None:
    def load_rejects(setting: PersonalData, rows: list[Row]) -> None:
        with open_table(table().hook, "messages", layout_of(setting), with_rejects=True) as sink:
            sink.add(rows, REJECTS.rows([REJECT], LOADED_AT))
            sink.finish({})

    load_rejects("keep", rows_of("keep", message(1)))
    warehouse.run("DELETE FROM messages_rejects")
    with pytest.raises(TableMismatch):
        load_rejects("hash", [])
    assert warehouse.query("SELECT count(*) FROM messages_rejects") == [(0,)]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("column", ["from_number", "to_number"])
def test_table_that_lacks_a_column_of_numbers_is_judged_by_the_other_one(
    target: Target, setting: PersonalData, column: str
) -> None:
    warehouse, messages = target
    load(messages, "hash", [rows_of("hash", message(1))])
    warehouse.run(f"ALTER TABLE messages DROP COLUMN {column}")
    if setting != "hash":
        with pytest.raises(TableMismatch):
            load(messages, setting, unreadable())
    load(messages, "hash", [rows_of("hash", message(2))])
    assert [row[0] for row in contents(warehouse)] == ["1", "2"]


@pytest.mark.parametrize("setting", ["keep", "hash"])
def test_rows_older_than_their_columns_do_not_count_as_dropped(target: Target, setting: PersonalData) -> None:
    warehouse, messages = target
    load(messages, setting, [rows_of(setting, *map(message, range(150)))])
    for column in ("from_number", "to_number"):
        warehouse.run(f"ALTER TABLE messages DROP COLUMN {column}")
    load(messages, setting, [rows_of(setting, message(998))])
    load(messages, setting, [rows_of(setting, message(999))])
    found = warehouse.query("SELECT id FROM messages WHERE from_number IS NOT NULL ORDER BY id")
    assert found == [("998",), ("999",)]


def test_messages_without_numbers_do_not_hinder_a_load(target: Target) -> None:
    warehouse, messages = target
    for number in (1, 2):
        load(messages, "keep", [rows_of("keep", message(number, from_number=None, to=()))])
    assert [row[0] for row in contents(warehouse)] == ["1", "2"]


def test_one_plain_number_among_hashes_is_found(target: Target) -> None:
    warehouse, messages = target
    load(messages, "hash", [rows_of("hash", *map(message, range(20)))])
    warehouse.run("UPDATE messages SET to_number = '+16505550100' WHERE id = '7'")
    with pytest.raises(TableMismatch, match="holds phone numbers as they are"):
        load(messages, "hash", unreadable())


def test_check_reads_a_few_rows_of_a_large_table(warehouse: Warehouse) -> None:
    load(table(), "hash", [rows_of("hash", *map(message, range(500)))])
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", note)
    try:
        load(table(), "hash", [])
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)
    samples = [one for one in statements if re.match(r"SELECT \S*from_number\S*, \S*to_number\S* *\nFROM \S+ *\n", one)]
    assert len(samples) == 2
    assert all("LIMIT" in one for one in samples)


@pytest.mark.parametrize("knows_limit", [True, False])
def test_unknown_database_is_checked_with_or_without_limit(postgres_warehouse: Warehouse, knows_limit: bool) -> None:
    messages = Table(ChangedStatementsHook(lambda sql: sql if knows_limit else sql.replace("LIMIT", "UNKNOWN")))
    for number in (1, 2):
        load(messages, "hash", [rows_of("hash", message(number))])
    with pytest.raises(TableMismatch, match="holds hashes of phone numbers"):
        load(messages, "keep", unreadable())
