"""Rows reach the table whole and once, or the table stays as it was."""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pendulum
import psycopg2
import pytest
from airflow.providers.common.compat.sdk import BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.sqlite.hooks.sqlite import SqliteHook

from airflow_provider_hvsms.api.errors import LoadRefused, TableMismatch
from airflow_provider_hvsms.api.records import Message, Reject
from airflow_provider_hvsms.sinks.schema import BATCHES, MESSAGES, OPT_OUTS, REJECTS, STATUSES, Kind, Layout, Row
from airflow_provider_hvsms.sinks.sql import postgresql, registry
from airflow_provider_hvsms.sinks.sql.sink import open_table
from tests.conftest import Warehouse

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST_LOAD, SECOND_LOAD = NOON + timedelta(days=1), NOON + timedelta(days=2)


def message(number: int, **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": str(number),
        "creation_time": NOON + timedelta(seconds=number, microseconds=436491),
        "last_modified_time": NOON + timedelta(minutes=number),
        "from_number": "+16505550100",
        "to": ("+16501112222",),
        "direction": "Outbound",
        "message_status": "Sent",
        "segment_count": 1,
        "cost": Decimal("0.007"),
    }
    return Message(**{**fields, **changes})


def rows(*messages: Message, loaded_at: datetime = FIRST_LOAD) -> list[Row]:
    return MESSAGES.rows(messages, loaded_at)


@dataclasses.dataclass(frozen=True)
class Table:
    """Loads batches of rows, as a transfer does."""

    hook: DbApiHook
    name: str = "messages"
    layout: Layout[Any] = MESSAGES

    def load(self, batches: Iterable[list[Row]]) -> None:
        with open_table(self.hook, self.name, self.layout) as sink:
            for some in batches:
                sink.add(some, [])
            sink.finish({})


def table(name: str = "messages") -> Table:
    hook = BaseHook.get_hook("warehouse")
    assert isinstance(hook, DbApiHook)
    return Table(hook, name)


def test_a_missing_table_is_created_with_the_documented_columns(warehouse: Warehouse) -> None:
    table().load([rows(message(1), message(2)), rows(message(3))])
    assert warehouse.query("SELECT id, to_number, message_status FROM messages ORDER BY id") == [
        ("1", "+16501112222", "Sent"),
        ("2", "+16501112222", "Sent"),
        ("3", "+16501112222", "Sent"),
    ]
    names = "id, batch_id, direction, from_number, to_number, message_status, error_code, segment_count, cost, "
    names += "creation_time, last_modified_time, text, loaded_at"
    assert len(warehouse.query(f"SELECT {names} FROM messages")) == 3


def test_postgres_keeps_exact_money_and_times_with_their_zone(postgres_warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    assert postgres_warehouse.query("SELECT cost, creation_time FROM messages") == [
        (Decimal("0.007000"), message(1).creation_time)
    ]
    assert postgres_warehouse.query(
        "SELECT data_type, numeric_precision, numeric_scale FROM information_schema.columns "
        "WHERE table_name = 'messages' AND column_name IN ('cost', 'creation_time') ORDER BY column_name"
    ) == [("numeric", 18, 6), ("timestamp with time zone", None, None)]


def test_sqlite_keeps_times_in_utc_in_a_form_that_its_functions_read(sqlite_warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    assert sqlite_warehouse.query("SELECT creation_time, datetime(creation_time), cost FROM messages") == [
        ("2026-11-01 12:00:01.436491", "2026-11-01 12:00:01", 0.007)
    ]


def test_several_recipients_are_joined_by_commas(warehouse: Warehouse) -> None:
    table().load([rows(message(1, to=("+1", "+2")), message(2, to=()))])
    assert warehouse.query("SELECT to_number FROM messages ORDER BY id") == [("+1,+2",), ("",)]


def test_the_same_rows_again_leave_the_table_untouched(warehouse: Warehouse) -> None:
    table().load([rows(message(1), message(2))])
    before = warehouse.query("SELECT * FROM messages ORDER BY id")
    table().load([rows(message(1), message(2), loaded_at=SECOND_LOAD)])
    assert warehouse.query("SELECT * FROM messages ORDER BY id") == before


def test_a_changed_record_replaces_its_row_and_its_time_of_loading(warehouse: Warehouse) -> None:
    table().load([rows(message(1), message(2))])
    later = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))
    table().load([rows(later, loaded_at=SECOND_LOAD)])
    found = warehouse.query("SELECT id, message_status, loaded_at FROM messages ORDER BY id")
    assert [row[:2] for row in found] == [("1", "Delivered"), ("2", "Sent")]
    assert found[0][2] != found[1][2]


def test_an_older_state_does_not_replace_a_newer_one(warehouse: Warehouse) -> None:
    table().load([rows(message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3)))])
    table().load([rows(message(1), loaded_at=SECOND_LOAD)])
    assert warehouse.query("SELECT message_status FROM messages") == [("Delivered",)]


def test_a_read_without_text_keeps_the_text_that_is_there(warehouse: Warehouse) -> None:
    table().load([rows(message(1, text="Hello"))])
    later = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))
    table().load([rows(later)])
    assert warehouse.query("SELECT message_status, text FROM messages") == [("Delivered", "Hello")]


def test_a_text_that_comes_late_is_filled_in(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    table().load([rows(message(1, text="Hello"))])
    assert warehouse.query("SELECT text FROM messages") == [("Hello",)]


def test_an_older_state_does_not_bring_back_an_older_text(warehouse: Warehouse) -> None:
    later = message(1, text="of today", last_modified_time=NOON + timedelta(hours=3))
    table().load([rows(later)])
    table().load([rows(message(1, text="of yesterday"))])
    assert warehouse.query("SELECT text FROM messages") == [("of today",)]


def test_a_value_that_went_away_goes_away(warehouse: Warehouse) -> None:
    table().load([rows(message(1, error_code="SMS-CAR-104"))])
    table().load([rows(message(1, last_modified_time=NOON + timedelta(hours=3)))])
    assert warehouse.query("SELECT error_code FROM messages") == [(None,)]


@pytest.mark.parametrize("there", [[], [2]], ids=["new table", "table with rows"])
def test_of_a_record_that_comes_twice_the_newer_state_stays(warehouse: Warehouse, there: list[int]) -> None:
    table().load([rows(*map(message, there))] if there else [])
    newer = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))
    table().load([rows(message(1), newer, message(2)), rows(message(1))])
    assert warehouse.query("SELECT id, message_status FROM messages ORDER BY id") == [("1", "Delivered"), ("2", "Sent")]


def test_nothing_to_load_still_makes_the_table(warehouse: Warehouse) -> None:
    table().load([[], []])
    assert warehouse.query("SELECT count(*) FROM messages") == [(0,)]


def test_texts_of_every_kind_come_back_as_they_were(warehouse: Warehouse) -> None:
    texts = [
        "",
        None,
        'it\'s "quoted"; DROP TABLE messages; --',
        "línea\nnew\ttab\\",
        "🎉 %s :name $1 ?",
        "x" * 1000,
        "\\N",
        "null",
        '"',
        "\\.",
        "one\n\\.\ntwo",
        '"],["',
        "]\n[",
        "\r\n\b\f\v\x1b\x7f\x85\u2028",
        "\\n \\\\n \\u0041 \\x41 \\",
        "comma, \"comma\", 'comma',",
        " spaces ",
    ]
    table().load([rows(*(message(number + 10, text=text) for number, text in enumerate(texts)))])
    assert [row[0] for row in warehouse.query("SELECT text FROM messages ORDER BY id")] == texts


def test_a_nul_character_is_kept_or_replaced_where_postgres_keeps_none(warehouse: Warehouse) -> None:
    table().load([rows(message(1, text="a\x00b"))])
    kept = "a\ufffdb" if warehouse.connection["conn_type"] == "postgres" else "a\x00b"
    assert warehouse.query("SELECT text FROM messages") == [(kept,)]


def test_money_is_exact_to_six_digits(warehouse: Warehouse) -> None:
    costs = ["0.007", "-0.000001", "999999.999999", "-123456789.25", "0", "100000", "1E-6", "0.100000"]
    table().load(
        [rows(*(message(number, cost=Decimal(cost)) for number, cost in enumerate(costs)), message(9, cost=None))]
    )
    *found, without = [row[0] for row in warehouse.query("SELECT cost FROM messages ORDER BY id")]
    assert [Decimal(str(cost)) for cost in found] == [Decimal(cost) for cost in costs]
    assert without is None


def test_times_are_exact_to_the_microsecond(warehouse: Warehouse) -> None:
    times = [NOON.replace(microsecond=microsecond) for microsecond in (0, 1, 100, 500_000, 999_999)]
    table().load([rows(*(message(number, creation_time=time) for number, time in enumerate(times)))])
    found = [row[0] for row in warehouse.query("SELECT creation_time FROM messages ORDER BY id")]
    found = [datetime.fromisoformat(time) if isinstance(time, str) else time for time in found]
    assert [time.replace(tzinfo=UTC) if time.tzinfo is None else time for time in found] == times


class Psycopg2Hook(PostgresHook):
    """What `PostgresHook` is where psycopg 3 is not installed, or SQLAlchemy is older than 2."""

    def get_conn(self) -> Any:
        return psycopg2.connect(host=self.connection.host, user=self.connection.login, dbname=self.connection.schema)


def test_postgres_is_loaded_with_psycopg2_too(postgres_warehouse: Warehouse) -> None:
    hook = Psycopg2Hook(postgres_conn_id="warehouse", sqlalchemy_scheme="postgresql+psycopg2")
    Table(hook).load([rows(message(1, text="línea\n\x00🎉"), message(2, error_code=None))])
    assert postgres_warehouse.query("SELECT text, cost FROM messages ORDER BY id") == [
        ("línea\n\ufffd🎉", Decimal("0.007000")),
        (None, Decimal("0.007000")),
    ]


def test_postgres_is_loaded_with_a_driver_that_knows_no_copy(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_COPIES", {})
    table().load([rows(message(1, text="línea\n\x00🎉"))])
    assert postgres_warehouse.query("SELECT text, creation_time FROM messages") == [
        ("línea\n\ufffd🎉", message(1).creation_time)
    ]


@pytest.mark.parametrize("name", ['we"ird', "drop; table", "select", "Ünïcode", "two words", "100%", "a'b"])
def test_a_strange_table_name_is_only_a_name(warehouse: Warehouse, name: str) -> None:
    table(name).load([rows(message(1))])
    table(name).load([rows(message(1), message(2))])
    assert warehouse.tables() == [name]


def test_a_table_can_be_named_with_its_schema(postgres_warehouse: Warehouse) -> None:
    postgres_warehouse.run("CREATE SCHEMA sms")
    table("sms.messages").load([rows(message(1))])
    table("sms.messages").load([rows(message(1))])
    assert postgres_warehouse.query("SELECT count(*) FROM sms.messages") == [(1,)]


@pytest.mark.parametrize("name", ["", " ", "schema."])
def test_a_table_without_a_name_is_refused(sqlite_warehouse: Warehouse, name: str) -> None:
    with pytest.raises(TableMismatch, match="give the table a name"):
        table(name).load(unreadable())


def unreadable() -> Iterator[list[Row]]:
    raise AssertionError("nothing may be read")
    yield []


def test_a_table_with_other_columns_is_refused_before_anything_is_read(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE messages (id VARCHAR(20) PRIMARY KEY, body TEXT)")
    with pytest.raises(TableMismatch, match=r"lacks batch_id, cost, .* also has body.*Nothing was written"):
        table().load(unreadable())
    assert warehouse.query("SELECT count(*) FROM messages") == [(0,)]


def test_a_table_without_the_key_is_refused_before_anything_is_read(warehouse: Warehouse) -> None:
    table("template").load([])
    warehouse.run("CREATE TABLE messages AS SELECT * FROM template")
    with pytest.raises(TableMismatch, match=r"without a primary key or unique constraint on \(id\)"):
        table().load(unreadable())


def test_a_unique_index_is_as_good_as_a_primary_key(warehouse: Warehouse) -> None:
    table("template").load([])
    warehouse.run("CREATE TABLE messages AS SELECT * FROM template")
    warehouse.run("CREATE UNIQUE INDEX by_id ON messages (id)")
    table().load([rows(message(1))])
    assert warehouse.query("SELECT count(*) FROM messages") == [(1,)]


def test_a_missing_schema_is_refused_before_anything_is_read(postgres_warehouse: Warehouse) -> None:
    with pytest.raises(LoadRefused, match='schema "nowhere" does not exist'):
        table("nowhere.messages").load(unreadable())


def interrupted() -> Iterator[list[Row]]:
    yield rows(message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3)), message(9))
    raise RuntimeError("the store went away")


def test_a_load_that_breaks_off_leaves_the_table_as_it_was(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    before = warehouse.query("SELECT * FROM messages")
    with pytest.raises(RuntimeError, match="went away"):
        table().load(interrupted())
    assert warehouse.query("SELECT * FROM messages") == before
    assert warehouse.tables() == ["messages"]


def test_a_first_load_that_breaks_off_leaves_no_table(warehouse: Warehouse) -> None:
    with pytest.raises(RuntimeError, match="went away"):
        table().load(interrupted())
    assert warehouse.tables() == []


def test_a_refused_row_fails_the_load_without_showing_it(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])
    load_is_refused(message(2, text="a secret", id=None))
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


@pytest.mark.parametrize("name", ["sqlite", "postgres", "duckdb"])
def test_a_row_that_another_unique_key_refuses_fails_the_load(request: pytest.FixtureRequest, name: str) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([rows(message(1))])
    warehouse.run("CREATE UNIQUE INDEX one_row_a_number ON messages (from_number)")
    load_is_refused(message(2, text="a secret"))
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_mysql_refuses_another_unique_key_before_anything_is_read(mysql_warehouse: Warehouse) -> None:
    """Its upsert would overwrite the record that shares the value."""
    table().load([rows(message(1))])
    mysql_warehouse.run("CREATE UNIQUE INDEX one_row_a_minute ON messages (last_modified_time)")
    with pytest.raises(TableMismatch, match=r"another unique key, \(last_modified_time\)"):
        table().load(unreadable())


@pytest.mark.parametrize("name", ["postgres", "duckdb", "mysql"])
def test_in_a_table_of_an_earlier_version_a_cost_that_does_not_fit_fails_the_load_without_showing_its_row(
    request: pytest.FixtureRequest, name: str
) -> None:
    warehouse: Warehouse = request.getfixturevalue(f"{name}_warehouse")
    table().load([])
    change = "MODIFY cost" if name == "mysql" else "ALTER COLUMN cost TYPE"
    warehouse.run(f"ALTER TABLE messages {change} NUMERIC(12, 6)")
    table().load([rows(message(1, cost=Decimal("999999.5")))])
    load_is_refused(message(2, cost=Decimal("1234567.5"), text="a secret"))
    assert warehouse.query("SELECT id FROM messages") == [("1",)]


def test_a_first_load_that_is_refused_at_its_end_leaves_no_table(warehouse: Warehouse) -> None:
    load_is_refused(message(1), message(2, id=None))
    assert warehouse.tables() == []


def load_is_refused(*messages: Message) -> None:
    with pytest.raises(LoadRefused, match="The table is as it was before") as failure:
        table().load([rows(*messages)])
    shown = f"{failure.value} {failure.value.__cause__}"
    assert "650" not in shown
    assert "secret" not in shown
    assert failure.value.__suppress_context__


def test_loads_at_once_give_the_same_table_as_one_after_the_other(warehouse: Warehouse) -> None:
    """Each brings another state of the same records, in another order; also, both find no table at their start."""
    states = {
        "first": [message(number) for number in range(200)],
        "second": [
            message(number, message_status="Delivered", last_modified_time=NOON + timedelta(days=1))
            for number in reversed(range(100, 300))
        ],
    }
    both_staged = threading.Barrier(2, timeout=20)
    failures: list[BaseException] = []

    def work(messages: list[Message]) -> None:
        def batches() -> Iterator[list[Row]]:
            yield rows(*messages)
            both_staged.wait()

        try:
            table().load(batches())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(messages,)) for messages in states.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failures == []
    assert warehouse.query("SELECT message_status, count(*) FROM messages GROUP BY 1 ORDER BY 1") == [
        ("Delivered", 200),
        ("Sent", 100),
    ]


def test_staging_does_not_lock_the_target_for_others(warehouse: Warehouse) -> None:
    table().load([rows(message(1))])

    def batches() -> Iterator[list[Row]]:
        yield rows(message(2))
        warehouse.run("UPDATE messages SET direction = 'Inbound'")
        yield rows(message(3))

    table().load(batches())
    assert warehouse.query("SELECT id, direction FROM messages ORDER BY id") == [
        ("1", "Inbound"), ("2", "Outbound"), ("3", "Outbound"),
    ]  # fmt: skip


class UnknownDatabaseHook(SqliteHook):
    """A common-sql hook whose database SQLAlchemy has never heard of."""

    conn_type = "acme"

    def __init__(self, path: Path) -> None:
        super().__init__(sqlite_conn_id="warehouse")
        self._path = path

    def get_conn(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)

    def get_uri(self) -> str:
        return "acme://somewhere"

    @property
    def placeholder(self) -> str:
        return "?"


@pytest.fixture(params=["a database without a dialect", "a dialect without an upsert here"])
def other_table(request: pytest.FixtureRequest, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Table:
    """Tables of databases that have no upsert of their own here."""
    if request.param == "a dialect without an upsert here":
        monkeypatch.delitem(registry.DATABASES, "sqlite")
        return table()
    return Table(UnknownDatabaseHook(Path(sqlite_warehouse.connection["host"])))


def test_any_other_common_sql_hook_deletes_and_inserts(sqlite_warehouse: Warehouse, other_table: Table) -> None:
    other_table.load([rows(message(1, text="Hello"), message(2), message(3, message_status="Delivered"))])
    newer = message(1, message_status="Delivered", last_modified_time=NOON + timedelta(hours=3))
    older = message(3, last_modified_time=NOON - timedelta(hours=3))
    other_table.load([rows(newer, message(2), older, message(4), loaded_at=SECOND_LOAD)])
    found = sqlite_warehouse.query(
        "SELECT id, message_status, text, loaded_at > '2026-11-03' FROM messages ORDER BY id"
    )
    assert found == [
        ("1", "Delivered", "Hello", 1),
        ("2", "Sent", None, 0),
        ("3", "Delivered", None, 0),
        ("4", "Sent", None, 1),
    ]


def test_any_other_common_sql_hook_refuses_a_table_with_other_columns(
    sqlite_warehouse: Warehouse, other_table: Table
) -> None:
    sqlite_warehouse.run("CREATE TABLE messages (id TEXT PRIMARY KEY, body TEXT)")
    with pytest.raises(TableMismatch, match="also has body"):
        other_table.load(unreadable())


def test_any_other_common_sql_hook_keeps_the_table_when_a_load_breaks_off(
    sqlite_warehouse: Warehouse, other_table: Table
) -> None:
    other_table.load([rows(message(1))])
    with pytest.raises(RuntimeError, match="went away"):
        other_table.load(interrupted())
    assert sqlite_warehouse.query("SELECT id, message_status FROM messages") == [("1", "Sent")]


def test_a_layout_without_versions_takes_what_comes_last(warehouse: Warehouse) -> None:
    unversioned = dataclasses.replace(table(), layout=dataclasses.replace(MESSAGES, version=None))
    unversioned.load([rows(message(1, message_status="Delivered"))])
    unversioned.load([rows(message(1, message_status="Sent"))])
    assert warehouse.query("SELECT message_status FROM messages") == [("Sent",)]


VALUES = {
    Kind.ID: "one",
    Kind.TEXT: "two",
    Kind.INTEGER: 3,
    Kind.DECIMAL: Decimal("0.25"),
    Kind.TIME: pendulum.instance(NOON),
    Kind.JSON: '{"a": ["b"]}',
}


@pytest.mark.parametrize("layout", [BATCHES, STATUSES, OPT_OUTS], ids=["batches", "statuses", "opt_outs"])
def test_other_records_are_known_by_their_keys_too(warehouse: Warehouse, layout: Layout[Any]) -> None:
    row = tuple(VALUES[column.kind] for column in layout.columns)
    for loaded_at in (FIRST_LOAD, SECOND_LOAD):
        dataclasses.replace(table(), layout=layout).load([[(*row[:-1], loaded_at)]])
    assert len(warehouse.query("SELECT * FROM messages WHERE loaded_at < '2026-11-03'")) == 1
    for name in layout.key:
        kind = next(column.kind for column in layout.columns if column.name == name)
        expected = "one" if kind is Kind.ID else "2026-11-01 12:00:00"
        assert str(warehouse.query(f"SELECT {name} FROM messages")[0][0])[:19] == expected


REJECT = Reject(b'{"id": 9, "creationTime": "soon"}', "message 9 cannot be read")


def test_rejects_go_to_a_table_of_their_own_in_the_same_load(warehouse: Warehouse) -> None:
    for loaded_at in (FIRST_LOAD, SECOND_LOAD):
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add(rows(message(1), loaded_at=loaded_at), REJECTS.rows([REJECT], loaded_at))
            sink.finish({})
    assert warehouse.tables() == ["messages", "messages_rejects"]
    assert warehouse.query("SELECT record, reason FROM messages_rejects") == [
        ('{"id": 9, "creationTime": "soon"}', "message 9 cannot be read")
    ]


def test_any_other_common_sql_hook_keeps_rejects_too(sqlite_warehouse: Warehouse, other_table: Table) -> None:
    for _ in range(2):
        with open_table(other_table.hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add(rows(message(1)), REJECTS.rows([REJECT], FIRST_LOAD))
            sink.finish({})
    assert sqlite_warehouse.query("SELECT count(*) FROM messages") == [(1,)]
    assert sqlite_warehouse.query("SELECT count(*) FROM messages_rejects") == [(1,)]


def test_loads_that_begin_at_once_do_not_disturb_each_other(warehouse: Warehouse) -> None:
    """Both look for the table, and try whether they could create it, at the same time."""
    failures: list[BaseException] = []
    ready = threading.Barrier(6, timeout=20)

    def work(number: int) -> None:
        try:
            loader = table()
            ready.wait()
            for _ in range(5):
                loader.load([rows(message(number))])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert warehouse.query("SELECT count(*) FROM messages") == [(6,)]


def test_a_load_that_breaks_off_leaves_no_rejects_either(warehouse: Warehouse) -> None:
    def break_off() -> None:
        with open_table(table().hook, "messages", MESSAGES, with_rejects=True) as sink:
            sink.add([], REJECTS.rows([REJECT], FIRST_LOAD))
            raise RuntimeError("the store went away")

    with pytest.raises(RuntimeError, match="went away"):
        break_off()
    assert warehouse.tables() == []
