"""Records that could not be read are kept in a table of their own."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.sinks.schema import MESSAGES, REJECTS
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse
from tests.sinks.sql.loading import SECOND_LOAD, Table, rows, table
from tests.support.messages import LOADED_AT, REJECT, message


def test_rejects_are_loaded_into_their_own_table(warehouse: Warehouse) -> None:
    for loaded_at in (LOADED_AT, SECOND_LOAD):
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add(rows(message(1), loaded_at=loaded_at), REJECTS.rows([REJECT], loaded_at))
            sink.finish({})
    assert warehouse.tables() == ["messages", "messages_rejects"]
    assert warehouse.query("SELECT record, reason FROM messages_rejects") == [
        ('{"id": 9, "creationTime": "soon"}', "message 9 cannot be read")
    ]


def test_generic_database_stores_rejects(sqlite_warehouse: Warehouse, other_table: Table) -> None:
    for _ in range(2):
        with open_table(other_table.hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add(rows(message(1)), REJECTS.rows([REJECT], LOADED_AT))
            sink.finish({})
    assert sqlite_warehouse.query("SELECT count(*) FROM messages") == [(1,)]
    assert sqlite_warehouse.query("SELECT count(*) FROM messages_rejects") == [(1,)]


def test_failed_load_leaves_no_rejects(warehouse: Warehouse) -> None:
    def fail_halfway() -> None:
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add([], REJECTS.rows([REJECT], LOADED_AT))
            raise RuntimeError("the connection was lost")

    with pytest.raises(RuntimeError, match="was lost"):
        fail_halfway()
    assert warehouse.tables() == []
