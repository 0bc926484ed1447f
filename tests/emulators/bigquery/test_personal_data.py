"""A table in BigQuery keeps to one `personal_data`."""

from tests.emulators.bigquery.conftest import BigQueryWarehouse
from tests.emulators.warehouses.loading import load
from tests.emulators.warehouses.personal_data import PersonalDataTests
from tests.support.messages import message
from tests.support.personal_data import layout_of, rows_of


class TestBigQueryPersonalData(PersonalDataTests):
    pass


def test_check_starts_no_job(warehouse: BigQueryWarehouse) -> None:
    load([rows_of("hash", *map(message, range(300)))], layout=layout_of("hash"))
    warehouse.emulator.requests.clear()
    load([], layout=layout_of("hash"))
    assert warehouse.emulator.jobs() == []
    [sample] = [one for one in warehouse.emulator.requests if "/data?" in one.path]
    assert "maxResults=100" in sample.path
