"""A report's numbers are those of the messages in every warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.reports.numbers import ReportNumbers
from airflow_provider_hvsms.reports.query import COLUMNS, read_numbers
from airflow_provider_hvsms.sinks.warehouses.reader import open_warehouse_reader
from airflow_provider_hvsms.sinks.warehouses.registry import find_warehouse
from tests.emulators.warehouses.emulated import EmulatedWarehouse
from tests.emulators.warehouses.loading import load, rows
from tests.reports import counting
from tests.support.messages import message

MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = Window(MIDNIGHT, MIDNIGHT + 2 * DAY)

OURS, THEIRS = "+16505550100", "+16505559999"
MESSAGES = [
    message(1, message_status="Delivered", batch_id="a"),
    message(2, message_status="DeliveryFailed", error_code="SMS-CAR-104", batch_id="a"),
    message(3, message_status="DeliveryFailed", error_code="SMS-CAR-413", batch_id="b", cost=None),
    message(4, message_status="Vanished", from_number=None, cost=Decimal("0.000001")),
    message(5, message_status="Delivered", creation_time=MIDNIGHT + 2 * DAY - timedelta(microseconds=1)),
    message(6, direction="Inbound", from_number=THEIRS, to=(OURS,)),
    message(7, message_status="SendingFailed", from_number="it's \\ odd", batch_id="b", segment_count=None),
]
OUTSIDE = [message(8, creation_time=MIDNIGHT + 2 * DAY)]


def read(table: str = "sms.messages") -> ReportNumbers:
    warehouse = find_warehouse(BaseHook.get_hook("warehouse"))
    assert warehouse is not None
    with open_warehouse_reader(warehouse, table, COLUMNS) as reader:
        return read_numbers(reader, table, WINDOW)


class ReportTests:
    def test_numbers_are_those_of_the_messages(self, warehouse: EmulatedWarehouse) -> None:
        load([rows(*MESSAGES, *OUTSIDE)])
        numbers = read()
        assert numbers.outbound == counting.outcomes_of(counting.outbound(MESSAGES))
        assert numbers.inbound == 1
        found = [(day.day, day.outbound, day.inbound) for day in numbers.days]
        assert found == counting.by_day(MESSAGES, MIDNIGHT, MIDNIGHT + 2 * DAY)
        senders = {(group.name, group.outbound.total.count, group.inbound) for group in numbers.senders}
        assert senders == {("+1650•••0100", 4, 1), ("not kept", 1, 0), ("it'••• odd", 1, 0)}
        assert [(one.name, one.outbound) for one in numbers.batches] == counting.worst_batches(MESSAGES)
        assert {one.code.code: one.count for one in numbers.codes} == counting.codes(MESSAGES)

    def test_missing_table_is_refused_and_nothing_is_created(self, warehouse: EmulatedWarehouse) -> None:
        with pytest.raises(TableMismatch, match=r"'sms\.messages' does not exist"):
            read()
        assert warehouse.tables() == []
