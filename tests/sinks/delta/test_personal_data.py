"""A Delta table keeps to one `personal_data`: a load with another one is refused, and changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from deltalake import write_deltalake

from airflow_provider_hvsms.api.errors import TableMismatch
from airflow_provider_hvsms.sinks.delta.sink import open_delta
from airflow_provider_hvsms.sinks.delta.storage_options import locate
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from tests.sinks.delta.tables import all_rows, contents, data_files, load, table
from tests.support.messages import NOON, message
from tests.support.personal_data import CHANGES, SETTINGS, layout_of, rows_of

FOUND = ("id", "from_number", "to_number")


@pytest.mark.parametrize(("held", "setting"), CHANGES)
def test_another_setting_is_refused_before_the_read(
    any_folder: ObjectStoragePath, held: PersonalData, setting: PersonalData
) -> None:
    load(any_folder, rows_of(held, message(1), message(2)), layout=layout_of(held))
    before = contents(any_folder, *FOUND)
    with pytest.raises(TableMismatch, match=f"Delta table .* holds .*{held!r}, but personal_data is {setting!r}"):
        with open_delta(any_folder, layout_of(setting)):
            pytest.fail("nothing may be read")
    assert contents(any_folder, *FOUND) == before


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_same_setting_is_accepted_again(folder: ObjectStoragePath, setting: PersonalData) -> None:
    for number in (1, 2):
        load(folder, rows_of(setting, message(1), message(number)), layout=layout_of(setting))
    assert [row[0] for row in contents(folder, *FOUND)] == ["1", "2"]


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_empty_table_accepts_any_setting(folder: ObjectStoragePath, setting: PersonalData) -> None:
    load(folder, [])
    load(folder, rows_of(setting, message(1)), layout=layout_of(setting))
    assert len(contents(folder, "id")) == 1


@pytest.mark.parametrize(("held", "setting"), CHANGES)
def test_an_emptied_table_accepts_any_setting(
    folder: ObjectStoragePath, held: PersonalData, setting: PersonalData
) -> None:
    load(folder, rows_of(held, message(1)), layout=layout_of(held))
    table(folder).delete()
    load(folder, rows_of(setting, message(2)), layout=layout_of(setting))
    assert contents(folder, "id") == [("2",)]


@pytest.mark.parametrize("exists_before", [True, False])
def test_another_setting_of_a_load_that_has_ended_meanwhile_is_refused(
    folder: ObjectStoragePath, exists_before: bool
) -> None:
    if exists_before:
        load(folder, [])
    with pytest.raises(TableMismatch, match="Nothing was written"), open_delta(folder, layout_of("hash")) as sink:
        sink.add(rows_of("hash", message(1)), [])
        load(folder, rows_of("keep", message(2)))
        sink.finish({})
    assert contents(folder, *FOUND) == [("2", "+16505550100", "+16501112222")]


def test_another_setting_that_is_faster_by_a_commit_is_refused(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It loads another day, so that the commit of this load could otherwise be tried again as it is."""
    from airflow_provider_hvsms.sinks.delta.table import Table

    load(folder, [])
    commit = Table.commit

    def overtaken(self: Table, *arguments: Any) -> None:
        monkeypatch.setattr(Table, "commit", commit)
        load(folder, rows_of("keep", message(2, creation_time=NOON + timedelta(days=3))))
        commit(self, *arguments)

    monkeypatch.setattr(Table, "commit", overtaken)
    with pytest.raises(TableMismatch, match="Nothing was written"):
        load(folder, rows_of("hash", message(1)), layout=layout_of("hash"))
    assert contents(folder, "id") == [("2",)]
    assert len([path for path in folder.rglob("*.parquet") if "_delta_log" not in str(path)]) == 1


def test_numbers_are_found_in_files_behind_those_without_any(folder: ObjectStoragePath) -> None:
    nameless = [message(day, from_number=None, to=(), creation_time=NOON + timedelta(days=day)) for day in range(1, 8)]
    for one in nameless:
        load(folder, rows_of("drop", one), layout=layout_of("drop"))
    everything = all_rows(table(folder))
    last = everything.slice(0, 1)
    numbers = pa.array(["+16505550100"])
    last = last.set_column(last.schema.get_field_index("from_number"), "from_number", numbers)
    last = last.set_column(0, "id", pa.array(["99"]))
    write_deltalake(locate(folder).uri, last, mode="append")
    load(folder, rows_of("keep", message(100)))
    assert len(contents(folder, "id")) == 9


def test_check_reads_one_data_file(folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_hvsms.sinks.delta.folder import DeltaFolder

    for day in range(1, 5):
        one = message(day, creation_time=NOON + timedelta(days=day))
        load(folder, rows_of("hash", one), layout=layout_of("hash"))
    assert len(data_files(folder)) == 4
    opened: list[str] = []
    original = DeltaFolder.opened

    def noted(self: DeltaFolder, name: str) -> Any:
        opened.append(name)
        return original(self, name)

    monkeypatch.setattr(DeltaFolder, "opened", noted)
    load(folder, rows_of("hash", message(9)), layout=layout_of("hash"))
    assert len(opened) == 1
