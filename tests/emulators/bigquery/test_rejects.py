"""Records that could not be read are kept in a table of their own, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused
from airflow_provider_hvsms.api.records import Reject
from airflow_provider_hvsms.sinks.schema import REJECTS, Changes, Row
from tests.emulators.bigquery.conftest import BigQueryWarehouse
from tests.emulators.warehouses.loading import LATER, SECOND_LOAD, load, rows
from tests.support.messages import LOADED_AT, REJECT, message


def test_rejects_are_loaded_once_however_often_they_are_read(warehouse: BigQueryWarehouse) -> None:
    for loaded_at in (LOADED_AT, SECOND_LOAD):
        load([rows(message(1), loaded_at=loaded_at)], rejects=REJECTS.rows([REJECT], loaded_at))
    assert warehouse.tables() == ["messages", "messages_rejects"]
    assert warehouse.query("SELECT reason, loaded_at FROM sms.messages_rejects") == [
        ("message 9 cannot be read", LOADED_AT)
    ]


def test_changes_are_those_of_the_table_and_not_of_its_rejects(warehouse: BigQueryWarehouse) -> None:
    assert load([], rejects=REJECTS.rows([REJECT], LOADED_AT)) == Changes(inserted=0, updated=0, unchanged=0)
    assert warehouse.query("SELECT COUNT(*) FROM sms.messages_rejects") == [(1,)]


def test_record_that_is_not_json_is_kept_as_a_json_string(warehouse: BigQueryWarehouse) -> None:
    load([], rejects=REJECTS.rows([Reject(b'{"id": 9,', "cut off")], LOADED_AT))
    assert warehouse.query("SELECT record FROM sms.messages_rejects") == [('{"id": 9,',)]


def test_rows_are_not_loaded_if_the_rejects_are_refused(warehouse: BigQueryWarehouse) -> None:
    load([rows(message(1))], rejects=[])

    def batches() -> Iterator[list[Row]]:
        yield rows(message(1, message_status="Delivered", last_modified_time=LATER), message(2))
        warehouse.run("DROP TABLE sms.messages_rejects")

    with pytest.raises(LoadRefused, match="not changed"):
        load(batches(), rejects=REJECTS.rows([REJECT], LOADED_AT))
    assert warehouse.query("SELECT id, message_status FROM sms.messages") == [("1", "Sent")]
