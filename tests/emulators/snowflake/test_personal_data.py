"""A table in Snowflake keeps to one `personal_data`."""

from tests.emulators.snowflake.conftest import SnowflakeWarehouse
from tests.emulators.warehouses.loading import load
from tests.emulators.warehouses.personal_data import PersonalDataTests
from tests.support.messages import message
from tests.support.personal_data import layout_of, rows_of


class TestSnowflakePersonalData(PersonalDataTests):
    pass


def test_check_reads_a_few_rows_twice(warehouse: SnowflakeWarehouse) -> None:
    load([rows_of("hash", *map(message, range(300)))], layout=layout_of("hash"))
    warehouse.emulator.statements.clear()
    load([rows_of("hash", message(1))], layout=layout_of("hash"))
    samples = [one for one in warehouse.emulator.statements if one.startswith('SELECT "FROM_NUMBER"')]
    assert len(samples) == 2
    assert all(one.endswith("LIMIT 100") for one in samples)
