"""Values are stored exactly in every warehouse."""

from __future__ import annotations

from decimal import Decimal

from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.sinks.schema import BATCHES, Changes
from tests.emulators.warehouses.emulated import EmulatedWarehouse
from tests.emulators.warehouses.loading import SECOND_LOAD, load, rows
from tests.support.messages import LOADED_AT, NOON, message

BATCH = Batch(
    id="7",
    from_number="+16505550100",
    batch_size=3,
    processed_count=2,
    status="Completed",
    rejected=(),
    cost=Decimal("0.5"),
    creation_time=NOON,
    last_modified_time=NOON,
)


class ValueTests:
    def test_any_text_is_stored_exactly(self, warehouse: EmulatedWarehouse) -> None:
        texts = [
            "",
            None,
            'it\'s "quoted"; DROP TABLE messages; --',
            "línea\nnew\ttab\\",
            "🎉 %s :name $1 ? @name `tick`",
            "x" * 1000,
            "\\N",
            "null",
            '"',
            '""',
            "\\",
            '\\"',
            "one\n\\.\ntwo",
            "\r\n\b\f\v\x1b\x7f\x85\u2028",
            "\\n \\\\n \\u0041 \\x41 \\",
            "comma, \"comma\", 'comma',",
            " spaces ",
        ]
        load([rows(*(message(number + 10, text=text) for number, text in enumerate(texts)))])
        assert [row[0] for row in warehouse.query("SELECT text FROM sms.messages ORDER BY id")] == texts

    def test_costs_are_stored_exactly_with_six_decimal_places(self, warehouse: EmulatedWarehouse) -> None:
        costs = ["0.007", "-0.000001", "999999.999999", "-123456789.25", "0", "100000", "1E-6", "0.100000"]
        load([rows(*(message(number, cost=Decimal(cost)) for number, cost in enumerate(costs)), message(9, cost=None))])
        *found, without = [row[0] for row in warehouse.query("SELECT cost FROM sms.messages ORDER BY id")]
        assert found == [Decimal(cost) for cost in costs]
        assert without is None

    def test_timestamps_are_stored_exactly_to_the_microsecond(self, warehouse: EmulatedWarehouse) -> None:
        times = [NOON.replace(microsecond=microsecond) for microsecond in (0, 1, 100, 500_000, 999_999)]
        load([rows(*(message(number, creation_time=time) for number, time in enumerate(times)))])
        assert [row[0] for row in warehouse.query("SELECT creation_time FROM sms.messages ORDER BY id")] == times

    def test_batch_with_equal_json_is_unchanged(self, warehouse: EmulatedWarehouse) -> None:
        load([BATCHES.rows([BATCH], LOADED_AT)], table="sms.batches", layout=BATCHES)
        changes = load([BATCHES.rows([BATCH], SECOND_LOAD)], table="sms.batches", layout=BATCHES)
        assert changes == Changes(inserted=0, updated=0, unchanged=1)
