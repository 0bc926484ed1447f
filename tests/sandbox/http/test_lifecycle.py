"""How messages and batches change over time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client
    from tests.support.clock import ManualClock

END = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = 1_000_000


def at(clock: ManualClock, micros: int) -> None:
    clock.now = micros / SECOND


@pytest.mark.parametrize("final", ["Delivered", "DeliveryFailed"])
def test_a_message_is_queued_then_sent_then_settled(client: Client, clock: ManualClock, final: str) -> None:
    one = next(one for one in client.sandbox.store.messages if one.final_status == final and one.sent_after)
    assert one.sent_after is not None
    seen = []
    for age in (0, one.sent_after, one.settled_after):
        at(clock, one.created + age + 10)
        record = client.read(f"/messages/{one.id}").json()
        seen.append((record["messageStatus"], "cost" in record, "errorCode" in record))
    assert seen == [("Queued", False, False), ("Sent", False, False), (final, True, final != "Delivered")]


def test_a_message_that_is_never_sent_goes_from_queued_to_failed(client: Client, clock: ManualClock) -> None:
    one = next(one for one in client.sandbox.store.messages if one.final_status == "SendingFailed")
    at(clock, one.created + one.settled_after - 10)
    assert client.read(f"/messages/{one.id}").json()["messageStatus"] == "Queued"
    at(clock, one.created + one.settled_after + 10)
    record = client.read(f"/messages/{one.id}").json()
    assert record["messageStatus"] == "SendingFailed"
    assert record["errorCode"] == one.error_code


def test_a_future_message_does_not_exist_yet(client: Client, clock: ManualClock) -> None:
    one = client.sandbox.store.messages[200]
    at(clock, one.created - 10)
    assert client.read(f"/messages/{one.id}").status == 404
    query = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-03-09T00:00:00Z"}
    assert len(client.records("/messages", query)) == 200
    totals = client.read("/statuses", query).json()
    assert sum(total["count"] for total in totals.values()) == 200


def test_a_history_batch_makes_progress(client: Client, clock: ManualClock) -> None:
    batch = max(client.sandbox.store.batches, key=lambda one: one.size)
    assert batch.completed is not None
    seen = []
    for part in (0.1, 0.5, 1.0):
        at(clock, batch.created + round((batch.completed - batch.created) * part) + 10)
        seen.append(client.read(f"/batches/{batch.id}").json())
    assert [one["status"] for one in seen] == ["Processing", "Processing", "Completed"]
    counts = [one["processedCount"] for one in seen]
    assert counts == sorted(set(counts))
    assert ["cost" in one for one in seen] == [False, False, True]
    assert seen[0]["lastModifiedTime"] < seen[1]["lastModifiedTime"] < seen[2]["lastModifiedTime"]


def test_a_live_batch_starts_now_and_completes_after_its_seconds(client: Client, clock: ManualClock) -> None:
    batch_id = client.sandbox.store.start_batch(size=10, seconds=100, rejected=2)
    first = client.read(f"/batches/{batch_id}").json()
    assert (first["status"], first["batchSize"], first["processedCount"]) == ("Processing", 10, 3)
    clock.now += 99.9
    assert client.read(f"/batches/{batch_id}").json()["status"] == "Processing"
    clock.now += 0.1
    last = client.read(f"/batches/{batch_id}").json()
    assert (last["status"], last["processedCount"], len(last["rejected"])) == ("Completed", 10, 2)
    assert len(client.records("/messages", {"batchId": batch_id})) == 8


def test_a_live_batch_without_an_end_waits_to_be_completed(client: Client, clock: ManualClock) -> None:
    batch_id = client.sandbox.store.start_batch(size=10, seconds=None, status="Queued", rejected=0)
    clock.now += 360
    assert client.read(f"/batches/{batch_id}").json()["status"] == "Queued"
    client.sandbox.store.complete_batch(batch_id)
    assert client.read(f"/batches/{batch_id}").json()["status"] == "Completed"
    clock.now += 1
    assert len(client.records("/messages", {"batchId": batch_id})) == 10


def test_a_deleted_batch_is_not_found(client: Client) -> None:
    batch_id = client.sandbox.store.start_batch(size=2)
    client.sandbox.store.delete_batch(batch_id)
    assert client.read(f"/batches/{batch_id}").codes == (404, "CMN-102", "batchId")


def test_a_batch_can_be_filtered_by_the_status_that_it_has_now(client: Client, clock: ManualClock) -> None:
    batch_id = client.sandbox.store.start_batch(size=5, seconds=10)
    clock.now += 5
    assert [one["id"] for one in client.records("/batches", {"status": "Processing"})] == [batch_id]
    clock.now += 5
    assert batch_id in [one["id"] for one in client.records("/batches", {"status": "Completed"})]


def test_a_batch_is_started_over_http(client: Client) -> None:
    reply = client.send("POST", "/sandbox/batches", '{"size": 4, "seconds": 9, "from": "+16505550105"}')
    assert reply.status == 201
    assert (reply.json()["batchSize"], reply.json()["from"]) == (4, "+16505550105")
    assert client.read(f"/batches/{reply.json()['id']}").json() == reply.json()


@pytest.mark.parametrize("body", ["[]", "{", '{"size": 0}', '{"seconds": -1}', '{"size": "many"}'])
def test_an_invalid_batch_is_refused_over_http(client: Client, body: str) -> None:
    assert client.send("POST", "/sandbox/batches", body).status == 400


def test_a_message_that_is_added_to_a_batch_adds_to_its_cost(client: Client) -> None:
    batch = client.sandbox.store.batches[0]
    before = client.read(f"/batches/{batch.id}").json()["cost"]
    client.sandbox.store.add_message(created=batch.creation_time, batch_id=batch.id, cost=0.5)
    assert client.read(f"/batches/{batch.id}").json()["cost"] == pytest.approx(before + 0.5)
