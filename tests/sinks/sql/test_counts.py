"""A load says how many records it inserted, updated and left unchanged."""

from __future__ import annotations

import dataclasses
import random
from datetime import timedelta
from typing import Any

from airflow_provider_hvsms.api.records import OptOut
from airflow_provider_hvsms.sinks.schema import MESSAGES, OPT_OUTS, REJECTS, Changes
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.hooks import Psycopg2Hook, mysql_connector_hook
from tests.sinks.sql.loading import SECOND_LOAD, Table, rows, table
from tests.support.messages import LOADED_AT, NOON, REJECT, message


def changes(inserted: int, updated: int, unchanged: int) -> Changes:
    return Changes(inserted=inserted, updated=updated, unchanged=unchanged)


FOUND_ROWS = 2
"""A flag of MySQL's protocol, with which unchanged rows count as affected."""


def later(number: int) -> Any:
    return message(number, message_status="Delivered", last_modified_time=NOON + timedelta(days=3))


def test_all_records_of_a_first_load_are_inserted(target: tuple[Warehouse, Table]) -> None:
    _, messages = target
    assert messages.load([rows(message(1), message(2))]) == changes(2, 0, 0)


def test_record_is_inserted_updated_or_unchanged(target: tuple[Warehouse, Table]) -> None:
    _, messages = target
    messages.load([rows(message(1), message(2), message(3), message(4), later(5))])
    second = rows(message(1), later(2), later(3), message(5), message(6), loaded_at=SECOND_LOAD)
    assert messages.load([second]) == changes(1, 2, 2)
    assert messages.load([second]) == changes(0, 0, 5)


def test_load_without_records_changes_nothing(target: tuple[Warehouse, Table]) -> None:
    _, messages = target
    assert messages.load([]) == changes(0, 0, 0)
    assert messages.load([[]]) == changes(0, 0, 0)


def test_record_that_is_read_twice_counts_once(target: tuple[Warehouse, Table]) -> None:
    _, messages = target
    assert messages.load([rows(message(1), message(1), message(2)), rows(later(2))]) == changes(2, 0, 0)
    again = [rows(message(1), message(2), message(3)), rows(later(1), message(1), later(3), message(2), message(4))]
    assert messages.load(again) == changes(2, 1, 1)


def test_new_text_of_an_equally_new_state_is_an_update(target: tuple[Warehouse, Table]) -> None:
    _, messages = target
    messages.load([rows(message(1), message(2, text="Hello"))])
    assert messages.load([rows(message(1, text="Hello"), message(2))]) == changes(0, 1, 1)


def test_key_of_several_columns_is_counted_as_one(target: tuple[Warehouse, Table]) -> None:
    _, some = target
    opt_outs = dataclasses.replace(some, layout=OPT_OUTS)

    def opt_out(number: str, to: str, status: str = "OptOut") -> OptOut:
        return OptOut(from_number=number, to=to, status=status)

    opt_outs.load([OPT_OUTS.rows([opt_out("+1", "+2"), opt_out("+1", "+3")], NOON)])
    records = [opt_out("+1", "+2", "OptIn"), opt_out("+1", "+3"), opt_out("+2", "+3"), opt_out("+1", "+3")]
    assert opt_outs.load([OPT_OUTS.rows(records, NOON)]) == changes(1, 1, 1)


def test_counts_are_those_of_any_load(target: tuple[Warehouse, Table]) -> None:
    """Random loads, compared with what the table holds before and after."""
    warehouse, messages = target
    dice = random.Random(7)
    messages.load([])
    for _ in range(5):
        before = dict(warehouse.query("SELECT id, message_status FROM messages"))
        numbers = [dice.randrange(60) for _ in range(40)]
        read = [dice.choice((message, later))(number) for number in numbers]
        counted = messages.load([rows(*read[:20]), rows(*read[20:])])
        after = dict(warehouse.query("SELECT id, message_status FROM messages"))
        inserted = len(after) - len(before)
        updated = sum(before[key] != after[key] for key in before)
        assert counted == changes(inserted, updated, len(set(numbers)) - inserted - updated)


def test_rejects_are_not_counted(warehouse: Warehouse) -> None:
    with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
        sink.add(rows(message(1)), REJECTS.rows([REJECT], LOADED_AT))
        assert sink.finish({}) == changes(1, 0, 0)


def test_counts_do_not_depend_on_the_driver_of_postgres(postgres_warehouse: Warehouse) -> None:
    messages = Table(Psycopg2Hook(postgres_conn_id="warehouse", sqlalchemy_scheme="postgresql+psycopg2"))
    messages.load([rows(message(1), message(2), message(3))])
    assert messages.load([rows(message(1), later(2), message(4), message(4))]) == changes(1, 1, 1)


def test_counts_do_not_depend_on_the_driver_of_mysql(mysql_warehouse: Warehouse) -> None:
    messages = Table(mysql_connector_hook())
    messages.load([rows(message(1), message(2), message(3))])
    assert messages.load([rows(message(1), later(2), message(4), message(4))]) == changes(1, 1, 1)


def test_counts_of_mysql_do_not_depend_on_the_flag_found_rows(mysql_warehouse: Warehouse) -> None:
    from airflow.providers.mysql.hooks.mysql import MySqlHook

    class FoundRowsHook(MySqlHook):
        def _get_conn_config_mysql_client(self, conn: Any) -> Any:
            return {**super()._get_conn_config_mysql_client(conn), "client_flag": FOUND_ROWS}

    messages = Table(FoundRowsHook(mysql_conn_id="warehouse"))
    messages.load([rows(message(1), message(2), message(3))])
    assert messages.load([rows(message(1), later(2), message(3), message(4))]) == changes(1, 1, 2)
