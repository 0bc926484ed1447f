"""Messages: the list, its filters, and single reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.sandbox.conftest import STARTED
from tests.sandbox.expected import (
    EXAMPLES,
    example_queries,
    expected_message,
    format_time,
    matching_messages,
    parse_time,
    to_micros,
)

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener
    from tests.support.clock import ManualClock

MESSAGE_TYPES = {
    "from": str,
    "to": list,
    "text": str,
    "creationTime": str,
    "lastModifiedTime": str,
    "messageStatus": str,
    "segmentCount": int,
    "cost": float,
    "batchId": str,
    "direction": str,
    "errorCode": str,
}


@pytest.mark.parametrize("view", ["Simple", "Detailed"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_each_filter_returns_the_matching_messages(big: Client, name: str, view: str) -> None:
    query = example_queries(big)[name]
    found = big.records("/messages", query | {"view": view})
    now = to_micros(STARTED)
    assert found == [expected_message(one, now, view == "Detailed") for one in matching_messages(big, query)]


@pytest.mark.parametrize("per_page", [1, 7, 1000])
@pytest.mark.parametrize("name", ["window", "numbers", "batch"])
def test_pages_of_any_size_return_each_record_once(big: Client, name: str, per_page: int) -> None:
    query = example_queries(big)[name]
    if per_page == 1:
        query = query | {"dateFrom": "2026-02-27T20:00:00Z", "dateTo": "2026-02-27T22:00:00Z"}
    pages = big.pages("/messages", query | {"perPage": per_page})
    ids = [record["id"] for page in pages for record in page["records"]]
    assert ids == [one.id for one in matching_messages(big, query)]
    assert all(len(page["records"]) == per_page for page in pages[:-1])
    assert len(pages) == max(1, -(-len(ids) // per_page))


def test_listed_records_have_the_types_of_the_schema(big: Client) -> None:
    for record in big.records("/messages", big.everything | {"view": "Detailed"}):
        assert type(record.pop("id")) is int
        assert all(type(value) is MESSAGE_TYPES[name] for name, value in record.items())
        assert record["messageStatus"] in {"Queued", "Sent", "Delivered", "SendingFailed", "DeliveryFailed"}


def test_a_single_message_has_a_text_and_an_id_that_is_a_string(big: Client) -> None:
    for message in big.sandbox.store.messages[::300]:
        record = big.read(f"/messages/{message.id}").json()
        plan = expected_message(message, to_micros(STARTED), True)
        assert record == plan | {"id": str(message.id)}
        assert all(type(value) is ({"id": str} | MESSAGE_TYPES)[name] for name, value in record.items())


def test_without_dates_the_last_24_hours_are_read(client: Client, clock: ManualClock) -> None:
    day = 86_400_000_000
    plain = [
        one.id
        for one in client.sandbox.store.messages
        if to_micros(clock.now) - day <= one.created < to_micros(clock.now)
    ]
    assert [record["id"] for record in client.records("/messages", {})] == plain[::-1]
    assert plain


def test_without_a_start_the_24_hours_before_the_end_are_read(client: Client) -> None:
    end = parse_time("2026-02-28T09:00:00Z")
    plain = [one.id for one in client.sandbox.store.messages if end - 86_400_000_000 <= one.created < end]
    found = client.records("/messages", {"dateTo": "2026-02-28T09:00:00Z"})
    assert [record["id"] for record in found] == plain[::-1]


def test_an_old_batch_without_dates_is_empty(client: Client) -> None:
    oldest = client.sandbox.store.batches[0]
    assert client.records("/messages", {"batchId": oldest.id}) == []


def test_the_window_includes_its_start_but_not_its_end(client: Client) -> None:
    one = client.sandbox.store.messages[100]
    here, after = format_time(one.created), format_time(one.created + 1)
    assert [record["id"] for record in client.records("/messages", {"dateFrom": here, "dateTo": after})] == [one.id]
    before = format_time(one.created - 1)
    assert client.records("/messages", {"dateFrom": before, "dateTo": here}) == []


def test_a_window_may_be_given_in_any_time_zone(client: Client) -> None:
    there = {"dateFrom": "2026-02-27T05:30:00+05:30", "dateTo": "2026-02-27T19:00:00-05:00"}
    here = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-02-28T00:00:00Z"}
    assert client.records("/messages", there) == client.records("/messages", here)


def test_unknown_parameters_are_ignored(client: Client) -> None:
    assert client.read("/messages", {"colour": "blue"}).status == 200


def test_legacy_names_are_optional(open_client: Opener) -> None:
    client = open_client(legacy_names=True)
    one = client.sandbox.store.messages[0]
    record = client.read(f"/messages/{one.id}").json()
    assert record["createdAt"] == format_time(one.created)
    assert "lastUpdatedAt" in record
    assert not {"creationTime", "lastModifiedTime"} & set(record)


@pytest.mark.parametrize("settled", [True, False])
def test_a_prerendered_history_returns_the_same(open_client: Opener, clock: ManualClock, settled: bool) -> None:
    if not settled:
        clock.now -= timedelta(hours=13).total_seconds()
    clients = [open_client(), open_client(prerendered=True)]
    for client in clients:
        client.sandbox.store.add_message(created=datetime(2026, 2, 28, 12, tzinfo=UTC))
    window = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-03-01T00:00:00Z"}
    for more in ({}, {"perPage": 7}, {"direction": "Inbound"}, {"view": "Detailed"}):
        plain, prerendered = (client.records("/messages", {**window, **more}) for client in clients)
        assert plain
        assert prerendered == plain


def test_both_directions_together_are_no_filter(big: Client) -> None:
    both = big.records("/messages", {**big.everything, "direction": ["Inbound", "Outbound"]})
    assert len(both) == 3000


def test_the_plus_of_a_phone_number_may_be_unescaped(big: Client) -> None:
    number = big.sandbox.store.messages[0].from_number
    headers = {"Authorization": f"Bearer {big.token}"}
    window = urlencode(big.everything)
    unescaped = big.send("GET", f"{big.base}/messages?{window}&phoneNumber={number}", headers=headers).json()
    assert unescaped["records"] == big.read("/messages", {**big.everything, "phoneNumber": number}).json()["records"]
