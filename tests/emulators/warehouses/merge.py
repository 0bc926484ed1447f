"""The newer of two states of a record is kept, as in every database, and the load tells what it changed."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.records import OptOut
from airflow_provider_hvsms.sinks.schema import MESSAGES, OPT_OUTS, Changes
from tests.emulators.warehouses.emulated import EmulatedWarehouse
from tests.emulators.warehouses.loading import LATER, SECOND_LOAD, load, rows
from tests.support.messages import LOADED_AT, NOON, message

TIMES: tuple[datetime | None, ...] = (None, NOON, NOON + timedelta(hours=1))
PAIRS = list(itertools.product(TIMES, TIMES))


def states(number: int, first: datetime | None, second: datetime | None) -> list[Any]:
    return [
        message(number, message_status=status, last_modified_time=time)
        for status, time in (("first", first), ("second", second))
    ]


def newer_state(first: datetime | None, second: datetime | None) -> str:
    """The newer one. A null version is the oldest. Of two equal versions, the one that was read last."""
    if first is None or second is None:
        return "second" if first is None else "first"
    return "first" if first > second else "second"


class MergeTests:
    def test_same_rows_again_do_not_change_the_table(self, warehouse: EmulatedWarehouse) -> None:
        first = load([rows(message(1), message(2))])
        before = warehouse.query("SELECT * FROM sms.messages ORDER BY id")
        second = load([rows(message(1), message(2), loaded_at=SECOND_LOAD)])
        assert warehouse.query("SELECT * FROM sms.messages ORDER BY id") == before
        assert first == Changes(inserted=2, updated=0, unchanged=0)
        assert second == Changes(inserted=0, updated=0, unchanged=2)

    def test_newer_state_replaces_row_and_loaded_at(self, warehouse: EmulatedWarehouse) -> None:
        load([rows(message(1), message(2))])
        later = message(1, message_status="Delivered", last_modified_time=LATER)
        changes = load([rows(later, message(2), message(3), loaded_at=SECOND_LOAD)])
        found = warehouse.query("SELECT id, message_status, loaded_at FROM sms.messages ORDER BY id")
        assert found == [("1", "Delivered", SECOND_LOAD), ("2", "Sent", LOADED_AT), ("3", "Sent", SECOND_LOAD)]
        assert changes == Changes(inserted=1, updated=1, unchanged=1)

    def test_older_state_does_not_replace_a_newer_one(self, warehouse: EmulatedWarehouse) -> None:
        load([rows(message(1, message_status="Delivered", last_modified_time=LATER))])
        changes = load([rows(message(1), loaded_at=SECOND_LOAD)])
        assert warehouse.query("SELECT message_status FROM sms.messages") == [("Delivered",)]
        assert changes == Changes(inserted=0, updated=0, unchanged=1)

    def test_newer_state_without_text_keeps_the_existing_text(self, warehouse: EmulatedWarehouse) -> None:
        load([rows(message(1, text="Hello"))])
        load([rows(message(1, message_status="Delivered", last_modified_time=LATER))])
        assert warehouse.query("SELECT message_status, text FROM sms.messages") == [("Delivered", "Hello")]

    def test_text_is_added_to_a_row_without_one(self, warehouse: EmulatedWarehouse) -> None:
        load([rows(message(1, message_status="Delivered", last_modified_time=LATER), message(2))])
        load([rows(message(1, text="Hello"), message(2, text="Hi"))])
        found = warehouse.query("SELECT message_status, text FROM sms.messages ORDER BY id")
        assert found == [("Delivered", "Hello"), ("Sent", "Hi")]

    def test_older_state_does_not_replace_the_text(self, warehouse: EmulatedWarehouse) -> None:
        load([rows(message(1, text="of today", last_modified_time=LATER))])
        load([rows(message(1, text="of yesterday"))])
        assert warehouse.query("SELECT text FROM sms.messages") == [("of today",)]

    def test_value_becomes_null_when_the_newer_state_has_none(self, warehouse: EmulatedWarehouse) -> None:
        load([rows(message(1, error_code="SMS-CAR-104"))])
        load([rows(message(1, last_modified_time=LATER))])
        assert warehouse.query("SELECT error_code FROM sms.messages") == [(None,)]

    @pytest.mark.parametrize("existing", [[], [2]], ids=["new table", "table with rows"])
    def test_newer_state_of_a_record_read_twice_is_kept(
        self, warehouse: EmulatedWarehouse, existing: list[int]
    ) -> None:
        load([rows(*map(message, existing))] if existing else [])
        newer = message(1, message_status="Delivered", last_modified_time=LATER)
        changes = load(
            [rows(message(1), newer, message(2), loaded_at=SECOND_LOAD), rows(message(1), loaded_at=SECOND_LOAD)]
        )
        assert warehouse.query("SELECT id, message_status FROM sms.messages ORDER BY id") == [
            ("1", "Delivered"),
            ("2", "Sent"),
        ]
        assert changes == Changes(inserted=2 - len(existing), updated=0, unchanged=len(existing))

    def test_last_read_state_is_kept_without_a_version_column(self, warehouse: EmulatedWarehouse) -> None:
        unversioned = dataclasses.replace(MESSAGES, version=None)
        load([rows(message(1, message_status="Delivered"))], layout=unversioned)
        load([rows(message(1, message_status="Queued"), message(1, message_status="Sent"))], layout=unversioned)
        assert warehouse.query("SELECT message_status FROM sms.messages") == [("Sent",)]

    def test_key_of_two_columns_identifies_a_row(self, warehouse: EmulatedWarehouse) -> None:
        pairs = [("+1", "+2"), ("+1", "+3"), ("+2", "+2")]
        opt_outs = [OptOut(from_number=one, to=other, status="OptOut", source="Recipient") for one, other in pairs]
        for _ in range(2):
            load([OPT_OUTS.rows(opt_outs, LOADED_AT)], table="sms.opt_outs", layout=OPT_OUTS)
        assert warehouse.query("SELECT from_number, to_number FROM sms.opt_outs ORDER BY 1, 2") == pairs

    @pytest.mark.parametrize("loads", [1, 2])
    def test_newer_of_any_two_states_is_kept_in_one_load_and_in_two(
        self, warehouse: EmulatedWarehouse, loads: int
    ) -> None:
        pairs = [states(number, *pair) for number, pair in enumerate(PAIRS)]
        if loads == 1:
            load([rows(*itertools.chain(*pairs))])
        else:
            load([rows(*(first for first, _ in pairs))])
            load([rows(*(second for _, second in pairs))])
        expected = [(str(number), newer_state(*pair)) for number, pair in enumerate(PAIRS)]
        assert warehouse.query("SELECT id, message_status FROM sms.messages ORDER BY id") == expected
