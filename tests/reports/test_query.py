"""A report's numbers are those of the messages, whatever the database."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import LoadRefused, TableMismatch, UnsuitableDatabase
from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.api.window import Window
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.reports.numbers import Outcomes, ReportNumbers, Tally
from airflow_provider_hvsms.reports.query import COLUMNS, GROUPINGS, MAX_BATCHES, MAX_SENDERS, read_numbers
from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.sinks.schema import MESSAGES
from airflow_provider_hvsms.sinks.sql.reader import open_table_reader
from tests.conftest import Warehouse
from tests.reports import counting
from tests.sinks.sql.hooks import UnknownDatabaseHook, UnknownPostgresHook
from tests.sinks.sql.loading import rows, table
from tests.support.messages import message

MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = Window(MIDNIGHT, MIDNIGHT + 7 * DAY)


def load(*messages: Message, name: str = "messages") -> None:
    table(name).load([rows(*messages)])


def read(
    window: Window = WEEK, group_by: Collection[str] = GROUPINGS, *, name: str = "messages", hook: Any = None
) -> ReportNumbers:
    with open_table_reader(hook or table().hook, name, MESSAGES, COLUMNS) as reader:
        return read_numbers(reader, name, window, group_by)


def test_numbers_are_those_of_the_messages(
    sandbox: Sandbox, hvsms_connection: dict[str, Any], database: Warehouse
) -> None:
    end = sandbox.settings.end
    assert end is not None
    window = Window(end - 3 * DAY, end)
    messages = list(HvsmsHook().iter_messages(date_from=window.start, date_to=end))
    load(*messages)
    numbers = read(window)
    outbound = counting.outbound(messages)
    assert numbers.outbound == counting.outcomes_of(outbound)
    assert numbers.outbound.failed.count > numbers.outbound.unknown.count > 0
    assert numbers.inbound == len(counting.inbound(messages)) > 0
    assert [(day.day, day.outbound, day.inbound) for day in numbers.days] == counting.by_day(messages, *_days(window))
    assert [(group.outbound, group.inbound) for group in numbers.senders] == counting.by_sender(messages)
    assert [(group.name, group.outbound) for group in numbers.batches] == counting.worst_batches(messages)[:MAX_BATCHES]
    assert {one.code.code: one.count for one in numbers.codes} == counting.codes(messages)
    counts = [one.count for one in numbers.codes]
    assert counts == sorted(counts, reverse=True)


def test_window_includes_its_start_and_excludes_its_end(database: Warehouse) -> None:
    moment = timedelta(microseconds=1)
    times = [MIDNIGHT - moment, MIDNIGHT, MIDNIGHT + DAY - moment, MIDNIGHT + DAY]
    load(*(message(number, creation_time=time) for number, time in enumerate(times)))
    [day] = read(Window(MIDNIGHT, MIDNIGHT + DAY)).days
    assert (day.day, day.outbound.total.count) == (MIDNIGHT.date(), 2)


def test_messages_around_midnight_are_of_the_utc_day(database: Warehouse) -> None:
    seconds = timedelta(seconds=1)
    load(message(1, creation_time=MIDNIGHT + DAY - seconds), message(2, creation_time=MIDNIGHT + DAY))
    assert [day.outbound.total.count for day in read().days] == [1, 1, 0, 0, 0, 0, 0]


def test_window_that_ends_within_a_day_has_that_day(sqlite_warehouse: Warehouse) -> None:
    load(message(1, creation_time=MIDNIGHT + DAY))
    days = read(Window(MIDNIGHT + DAY / 2, MIDNIGHT + DAY * 1.5)).days
    assert [(day.day.day, day.outbound.total.count) for day in days] == [(1, 0), (2, 1)]


def test_outcomes_are_those_of_status_and_code(database: Warehouse) -> None:
    load(
        message(1, message_status="Delivered"),
        message(2, message_status="DeliveryFailed", error_code="SMS-CAR-104"),
        message(3, message_status="DeliveryFailed", error_code="SMS-UP-177"),
        message(4, message_status="SendingFailed", error_code="SMS-RC-413"),
        message(5, message_status="Vanished"),
        message(6, message_status=None),
        message(7, message_status="Queued"),
        message(8, message_status="DeliveryFailed"),
    )
    numbers = read()
    for outcomes in (numbers.outbound, numbers.days[0].outbound, numbers.senders[0].outbound):
        counts = [getattr(outcomes, name).count for name in ("delivered", "failed", "unknown", "pending")]
        assert counts == [1, 2, 4, 1]


def test_null_costs_and_segments_add_nothing(database: Warehouse) -> None:
    load(
        message(1, cost=None, segment_count=None, batch_id="7"),
        message(2, cost=Decimal("0.000001"), batch_id="7"),
        message(3, cost=Decimal("123456.789012"), segment_count=3, batch_id="7"),
    )
    numbers, expected = read(), Tally(count=3, cost=Decimal("123456.789013"), segments=4)
    assert numbers.outbound == numbers.batches[0].outbound == Outcomes(pending=expected)


def test_ten_thousand_small_costs_add_up_exactly(sqlite_warehouse: Warehouse) -> None:
    """SQLite adds floating-point numbers."""
    load(*(message(number, cost=Decimal("0.0085"), creation_time=MIDNIGHT) for number in range(10_000)))
    assert read().outbound.total.cost == Decimal(85)


def test_inbound_messages_are_replies_to_the_number_they_were_sent_to(database: Warehouse) -> None:
    ours, theirs = "+16505550100", "+16505559999"
    load(
        message(1),
        message(2, direction="Inbound", from_number=theirs, to=(ours,)),
        message(3, direction="Inbound", from_number=theirs, to=("+16505550111",)),
    )
    numbers = read()
    assert numbers.inbound == 2
    [sender] = numbers.senders
    assert (sender.name, sender.outbound.total.count, sender.inbound) == ("+1650•••0100", 1, 1)


def test_worst_batches_are_those_with_most_failures(database: Warehouse) -> None:
    failed = {"message_status": "SendingFailed"}
    many = [message(number, batch_id=f"b{number:03d}") for number in range(30)]
    load(*many, message(31, batch_id="bad", **failed), message(32, batch_id="worst", **failed),
         message(33, batch_id="worst", **failed), message(34, batch_id=None, **failed))  # fmt: skip
    names = [batch.name for batch in read().batches]
    assert names[:3] == ["worst", "bad", "b000"]
    assert len(names) == MAX_BATCHES


def test_smaller_senders_are_counted_only(database: Warehouse) -> None:
    count = MAX_SENDERS + 3
    numbers = [f"+1650555{number:04d}" for number in range(count)]
    load(*(message(place, from_number=number) for place, number in enumerate([*numbers, numbers[0]])))
    report = read()
    assert (len(report.senders), report.other_senders) == (MAX_SENDERS, 3)
    assert report.senders[0].outbound.total.count == 2


def test_messages_without_numbers_are_one_sender(database: Warehouse) -> None:
    load(message(1, from_number=None), message(2, from_number=None))
    [sender] = read().senders
    assert (sender.name, sender.outbound.total.count) == ("not kept", 2)


def test_hashed_senders_are_told_apart_by_their_beginning(database: Warehouse) -> None:
    ours, other = "0123456789abcdef" * 4, "f" * 64
    load(
        message(1, from_number=ours),
        message(2, from_number=ours),
        message(3, from_number=other),
        message(4, direction="Inbound", from_number="e" * 64, to=(ours,)),
    )
    assert [(sender.name, sender.inbound) for sender in read().senders] == [("01234567…", 1), ("ffffffff…", 0)]


def test_only_what_is_asked_for_is_grouped(database: Warehouse) -> None:
    load(message(1, batch_id="7"))
    numbers = read(group_by=())
    assert (numbers.days, numbers.senders, numbers.batches) == ((), (), ())
    assert numbers.outbound.total.count == 1


def test_window_without_messages_has_days_of_zero(database: Warehouse) -> None:
    load(message(1))
    numbers = read(Window(MIDNIGHT + 2 * DAY, MIDNIGHT + 4 * DAY))
    assert [(day.outbound, day.inbound) for day in numbers.days] == [(Outcomes(), 0)] * 2
    assert (numbers.outbound, numbers.senders, numbers.batches, numbers.codes) == (Outcomes(), (), (), ())


def test_names_are_quoted(database: Warehouse) -> None:
    load(message(1), name='odd "name" of `mine`')
    assert read(name='odd "name" of `mine`').outbound.total.count == 1


def test_table_of_a_schema_is_found(postgres_warehouse: Warehouse) -> None:
    postgres_warehouse.run('CREATE SCHEMA "My Marts"')
    load(message(1), name="My Marts.messages")
    assert read(name="My Marts.messages").outbound.total.count == 1


def test_missing_table_is_refused_and_not_created(database: Warehouse) -> None:
    with pytest.raises(TableMismatch, match="'messages' does not exist, or the connection's user may not see it"):
        read()
    assert database.tables() == []


def test_table_of_something_else_is_refused(database: Warehouse) -> None:
    database.run("CREATE TABLE messages (id INTEGER, cost INTEGER)")
    with pytest.raises(TableMismatch, match="'messages' lacks batch_id, creation_time, direction, error_code"):
        read()


def test_user_who_may_only_read_gets_a_report(postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    load(message(1))
    postgres_warehouse.run("DROP ROLE IF EXISTS hvsms_reader")
    postgres_warehouse.run("CREATE ROLE hvsms_reader LOGIN")
    connection = {**postgres_warehouse.connection, "login": "hvsms_reader"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    with pytest.raises(LoadRefused, match="permission denied"):
        read()
    postgres_warehouse.run("GRANT SELECT ON messages TO hvsms_reader")
    assert read().outbound.total.count == 1
    postgres_warehouse.run("DROP OWNED BY hvsms_reader")
    postgres_warehouse.run("DROP ROLE hvsms_reader")


def test_breakdowns_agree_while_a_load_goes_on(postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    load(message(1))
    with open_table_reader(table().hook, "messages", MESSAGES, COLUMNS) as reader:
        before = read_numbers(reader, "messages", WEEK)
        load(message(2))
        assert read_numbers(reader, "messages", WEEK).outbound == before.outbound
    assert read().outbound.total.count == 2


def test_database_without_a_dialect_is_read_with_plain_sql(postgres_warehouse: Warehouse) -> None:
    load(message(1), message(2, creation_time=MIDNIGHT + DAY))
    numbers = read(hook=UnknownPostgresHook())
    assert [day.outbound.total.count for day in numbers.days[:2]] == [1, 1]
    assert numbers.senders[0].outbound.total.count == 2


def test_plain_database_without_dates_is_refused_in_words(sqlite_warehouse: Warehouse) -> None:
    load(message(1))
    hook = UnknownDatabaseHook(Path(sqlite_warehouse.connection["host"]))
    with pytest.raises(UnsuitableDatabase, match='Leave "day" out of group_by'):
        read(hook=hook)
    assert read(hook=hook, group_by=["batch_id"]).outbound.total.count == 1


def _days(window: Window) -> tuple[datetime, datetime]:
    """The whole days that a window touches."""
    end = window.end - timedelta(microseconds=1)
    first, last = (moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in (window.start, end))
    return first, last + DAY
