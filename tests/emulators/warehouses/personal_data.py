"""A table keeps to one `personal_data`, as in every database: a load with another one is refused."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.sinks.schema import MESSAGES
from tests.emulators.warehouses.emulated import EmulatedWarehouse
from tests.emulators.warehouses.loading import load, open_table, unreadable
from tests.support.messages import LOADED_AT, message
from tests.support.personal_data import CHANGES, SETTINGS, layout_of, rows_of

FOUND = "SELECT id, from_number, to_number FROM sms.messages ORDER BY id"


class PersonalDataTests:
    @pytest.mark.parametrize(("held", "setting"), CHANGES)
    def test_another_setting_is_refused_before_the_read(
        self, warehouse: EmulatedWarehouse, held: PersonalData, setting: PersonalData
    ) -> None:
        load([rows_of(held, message(1), message(2))], layout=layout_of(held))
        before = warehouse.query(FOUND)
        with pytest.raises(TableMismatch, match=f"messages' holds .*{held!r}, but personal_data is {setting!r}"):
            load(unreadable(), layout=layout_of(setting))
        assert warehouse.query(FOUND) == before

    @pytest.mark.parametrize("setting", SETTINGS)
    def test_the_same_setting_is_accepted_again(self, warehouse: EmulatedWarehouse, setting: PersonalData) -> None:
        for number in (1, 2):
            load([rows_of(setting, message(1), message(number))], layout=layout_of(setting))
        assert [row[0] for row in warehouse.query(FOUND)] == ["1", "2"]

    @pytest.mark.parametrize("setting", SETTINGS)
    def test_an_empty_table_accepts_any_setting(self, warehouse: EmulatedWarehouse, setting: PersonalData) -> None:
        load([])
        load([rows_of(setting, message(1))], layout=layout_of(setting))
        assert warehouse.query("SELECT COUNT(*) FROM sms.messages") == [(1,)]

    def test_another_setting_of_a_load_that_has_ended_meanwhile_is_refused(self, warehouse: EmulatedWarehouse) -> None:
        with pytest.raises(TableMismatch, match="Nothing was written"), open_table(layout=layout_of("hash")) as sink:
            sink.add(rows_of("hash", message(1)), [])
            load([rows_of("keep", message(2))])
            sink.finish({})
        assert warehouse.query(FOUND) == [("2", "+16505550100", "+16501112222")]

    def test_rows_without_numbers_do_not_count_as_dropped_beside_others(self, warehouse: EmulatedWarehouse) -> None:
        load([rows_of("drop", *map(message, range(150)))], layout=layout_of("drop"))
        warehouse.query("UPDATE sms.messages SET from_number = '+16505550100' WHERE id = '149'")
        load([rows_of("keep", message(150))])
        assert warehouse.query("SELECT COUNT(*) FROM sms.messages") == [(151,)]

    def test_table_that_lacks_the_columns_of_numbers_is_accepted(self, warehouse: EmulatedWarehouse) -> None:
        columns = [column for column in MESSAGES.record_columns if column.name not in MESSAGES.number_columns]
        without = dataclasses.replace(MESSAGES, record_columns=tuple(columns))
        load([without.rows([message(1)], LOADED_AT)], layout=without)
        load([rows_of("keep", message(2))])
        assert warehouse.query(FOUND) == [("1", None, None), ("2", "+16505550100", "+16501112222")]
