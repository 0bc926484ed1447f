"""An existing table has the documented columns, of types that can hold the values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused, TableMismatch
from airflow_provider_hvsms.sinks.schema import MESSAGES
from tests.conftest import Warehouse
from tests.sinks.sql.loading import Table, load_is_refused, rows, table, unreadable
from tests.support.messages import message


def test_table_with_other_columns_is_refused_before_the_read(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE messages (id VARCHAR(20) PRIMARY KEY, body TEXT)")
    with pytest.raises(TableMismatch, match=r"lacks batch_id, cost, .* also has body.*Nothing was written"):
        table().load(unreadable())
    assert warehouse.query("SELECT count(*) FROM messages") == [(0,)]


def test_generic_database_refuses_a_table_with_other_columns(sqlite_warehouse: Warehouse, other_table: Table) -> None:
    sqlite_warehouse.run("CREATE TABLE messages (id TEXT PRIMARY KEY, body TEXT)")
    with pytest.raises(TableMismatch, match="also has body"):
        other_table.load(unreadable())


@pytest.mark.parametrize("name", ["sqlite", "duckdb", "mysql"])
@pytest.mark.parametrize(("column", "type_"), [("id", "BIGINT"), ("text", "INTEGER")])
def test_column_of_another_type_is_refused_by_name(
    request: pytest.FixtureRequest, name: str, column: str, type_: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    time_type = "DATETIME(6)" if name == "mysql" else "TIMESTAMP"
    types = {one.name: "VARCHAR(100)" for one in MESSAGES.columns} | {
        "segment_count": "BIGINT", "cost": "NUMERIC(18, 6)", "creation_time": time_type,
        "last_modified_time": time_type, "loaded_at": time_type, column: type_,
    }  # fmt: skip
    columns = ", ".join(f"{one} {kind}" for one, kind in types.items())
    warehouse.run(f"CREATE TABLE messages ({columns}, PRIMARY KEY (id))")
    with pytest.raises(TableMismatch, match=f"the type of column '{column}' is for numbers; it must be for text"):
        table().load(unreadable())


@pytest.mark.parametrize(
    ("name", "column", "type_"),
    [
        ("postgres", "cost", "NUMERIC(10, 2)"),
        ("postgres", "cost", "BIGINT"),
        ("postgres", "last_modified_time", "TIMESTAMP(0)"),
        ("mysql", "cost", "NUMERIC(10, 2)"),
        ("mysql", "cost", "BIGINT"),
        ("mysql", "last_modified_time", "DATETIME"),
        ("duckdb", "cost", "NUMERIC(10, 2)"),
        ("duckdb", "cost", "BIGINT"),
    ],
)
def test_column_that_would_round_values_is_refused(
    request: pytest.FixtureRequest, name: str, column: str, type_: str
) -> None:
    """A rounded cost is wrong, and a rounded version cannot order two states of one second."""
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    change = "MODIFY {}" if name == "mysql" else "ALTER COLUMN {} TYPE"
    warehouse.run(f"ALTER TABLE messages {change.format(column)} {type_}")
    with pytest.raises(TableMismatch, match=f"the type of column '{column}' is for rounded"):
        table().load(unreadable())


@pytest.mark.parametrize("name", ["postgres", "mysql", "duckdb"])
def test_integer_column_can_have_any_type_for_integers(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    change = "MODIFY segment_count" if name == "mysql" else "ALTER COLUMN segment_count TYPE"
    for type_ in ("SMALLINT", "NUMERIC(10, 0)"):
        warehouse.run(f"ALTER TABLE messages {change} {type_}")
        table().load([rows(message(1))])
    assert warehouse.query("SELECT segment_count FROM messages") == [(1,)]


@pytest.mark.parametrize("name", ["postgres", "mysql", "duckdb"])
def test_narrow_cost_column_of_an_earlier_version_is_accepted_until_a_cost_does_not_fit(
    request: pytest.FixtureRequest, name: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    alter = "MODIFY cost NUMERIC(12, 6)" if name == "mysql" else "ALTER COLUMN cost TYPE NUMERIC(12, 6)"
    warehouse.run(f"ALTER TABLE messages {alter}")
    table().load([rows(message(1))])
    with pytest.raises(LoadRefused, match=r"was not changed\. .*cost.*NUMERIC\(18, 6\)"):
        table().load([rows(message(2, cost=Decimal(1000000)))])
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


@pytest.mark.parametrize("name", ["postgres", "duckdb", "mysql"])
def test_row_with_a_cost_that_does_not_fit_is_not_shown(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    change = "MODIFY cost" if name == "mysql" else "ALTER COLUMN cost TYPE"
    warehouse.run(f"ALTER TABLE messages {change} NUMERIC(12, 6)")
    table().load([rows(message(1, cost=Decimal("999999.5")))])
    load_is_refused(message(2, cost=Decimal("1234567.5"), text="a secret"))
    assert warehouse.query("SELECT id FROM messages") == [("1",)]
