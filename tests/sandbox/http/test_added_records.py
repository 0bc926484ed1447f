"""Records that tests add, raw ones among them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.sandbox.conftest import END
from tests.sandbox.expected import parse_time, to_micros

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client
    from tests.support.clock import ManualClock


def test_a_raw_message_is_returned_unchanged_in_its_place(client: Client) -> None:
    odd = {"id": "x/1", "creationTime": "20211-11-14T20:19:56.505461Z", "from": "+16505550100", "batchId": "b"}
    at = datetime(2026, 2, 27, 12, tzinfo=UTC)
    client.sandbox.store.add_raw_message(odd, created=at)
    window = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-02-28T00:00:00Z"}
    found = client.records("/messages", window)
    place = found.index(odd)
    assert (
        parse_time(found[place - 1]["creationTime"])
        >= to_micros(at.timestamp())
        >= parse_time(found[place + 1]["creationTime"])
    )
    assert client.read("/messages/x%2F1").json() == odd
    assert client.records("/messages", window | {"batchId": "b"}) == [odd]


def test_an_added_message_keeps_an_unknown_status(client: Client) -> None:
    at = datetime(2026, 2, 27, 12, tzinfo=UTC)
    added = client.sandbox.store.add_message(created=at, final_status="Archived", text='"\n\u2028', batch_id='q"q')
    record = client.read(f"/messages/{added.id}").json()
    assert (record["messageStatus"], record["text"], record["batchId"]) == ("Archived", '"\n\u2028', 'q"q')
    query = {"dateFrom": "2026-02-27T12:00:00Z", "dateTo": "2026-02-27T12:00:00.000001Z"}
    assert [one["id"] for one in client.records("/messages", query)] == [added.id]


def test_raw_batches_and_opt_outs_are_returned_unchanged(client: Client) -> None:
    store, at = client.sandbox.store, datetime(2026, 2, 28, 12, tzinfo=UTC)
    store.add_raw_batch({"id": "raw", "status": 7}, created=at)
    store.add_opt_out(from_number="+16505550100", to_number="+12025550100", raw={"from": None})
    assert client.read("/batches/raw").json() == {"id": "raw", "status": 7}
    assert {"id": "raw", "status": 7} in client.records("/batches", {"dateTo": "2026-03-01T00:00:00Z"})
    assert {"from": None} in client.records("/opt-outs", {})


def test_a_message_may_appear_long_after_its_creation(client: Client, clock: ManualClock) -> None:
    created = END + timedelta(hours=11, minutes=50)
    late = client.sandbox.store.add_message(created=created, listed_after=1200)
    window = {"dateFrom": created.isoformat(), "dateTo": (created + timedelta(minutes=1)).isoformat()}
    assert client.records("/messages", window) == []
    assert client.read(f"/messages/{late.id}").status == 404
    clock.now += 1200
    assert [record["id"] for record in client.records("/messages", window)] == [late.id]


def test_raw_messages_are_filtered_and_counted_as_all_others(client: Client) -> None:
    odd = {"id": 7, "direction": "Inbound", "from": "+12025550199", "to": ["+16505550100", 5], "messageStatus": "Sent"}
    client.sandbox.store.add_raw_message(odd, created=datetime(2026, 2, 27, 12, tzinfo=UTC))
    window = {"dateFrom": "2026-02-27T12:00:00Z", "dateTo": "2026-02-27T12:00:00.000001Z"}
    for filters in ({}, {"direction": "Inbound"}, {"phoneNumber": "12025550199"}, {"phoneNumber": "+16505550100"}):
        assert client.records("/messages", {**window, **filters}) == [odd]
        assert client.read("/statuses", {**window, **filters}).json()["sent"]["count"] == 1
    for filters in ({"direction": "Outbound"}, {"phoneNumber": "+12025550198"}, {"batchId": "None"}):
        assert client.records("/messages", {**window, **filters}) == []
