"""What becomes of a batch that was sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.conftest import END, SENDER

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener
    from tests.support.clock import ManualClock

RECIPIENTS = tuple(f"+1415555{line:04d}" for line in range(100, 110))
DAY = {"dateFrom": "2026-03-01T12:00:00Z", "dateTo": "2026-03-02T12:00:00Z"}


def sent(client: Client, *recipients: str, **fields: Any) -> str:
    return str(client.send_batch(*(recipients or RECIPIENTS), **fields).json()["id"])


def settle(client: Client, clock: ManualClock) -> None:
    """Let all messages settle; the token has expired by then."""
    clock.now += timedelta(hours=7).total_seconds()
    client.token = client.login().json()["access_token"]


def test_a_batch_progresses_and_completes(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(sending_time=20)
    batch_id, seen = sent(client), []
    for _ in range(5):
        record = client.read(f"/batches/{batch_id}").json()
        seen.append((record["status"], record["processedCount"]))
        clock.now += 5
    assert seen == [("Processing", 0), ("Processing", 2), ("Processing", 5), ("Processing", 7), ("Completed", 10)]


def test_messages_are_created_over_the_sending_time(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(sending_time=20)
    batch_id, counts = sent(client), []
    for _ in range(5):
        counts.append(len(client.records("/messages", DAY | {"batchId": batch_id})))
        clock.now += 5
    assert counts == [0, 2, 5, 7, 10]


def test_without_a_sending_time_a_batch_is_complete_at_once(open_client: Opener) -> None:
    client = open_client(sending_time=0)
    record = client.send_batch(*RECIPIENTS).json()
    assert (record["status"], record["processedCount"]) == ("Completed", 10)
    assert len(client.records("/messages", DAY | {"batchId": record["id"]})) == 10


def test_messages_have_the_recipients_and_texts_that_were_sent(open_client: Opener) -> None:
    client = open_client(sending_time=0)
    text = "Grüße, [Ana] 🎉\n" + "x" * 70
    batch_id = sent(client, *RECIPIENTS[:2], text=text)
    records = client.records("/messages", DAY | {"batchId": batch_id, "view": "Detailed"})
    assert [(one["from"], one["to"], one["text"]) for one in reversed(records)] == [
        (SENDER, [to], text) for to in RECIPIENTS[:2]
    ]
    assert {one["segmentCount"] for one in records} == {2}
    assert {one["direction"] for one in records} == {"Outbound"}


def test_messages_settle_and_cost_follows(open_client: Opener, clock: ManualClock) -> None:
    client = open_client()
    batch_id = sent(client, *(f"+1415{number}" for number in range(2_000_000, 2_000_300)), text="a" * 161)
    settle(client, clock)
    records = client.records("/messages", DAY | {"batchId": batch_id})
    assert {one["messageStatus"] for one in records} == {"Delivered", "DeliveryFailed", "SendingFailed"}
    assert {one.get("cost") for one in records} == {0.014, None}
    batch = client.read(f"/batches/{batch_id}").json()
    assert batch["cost"] == pytest.approx(sum(one.get("cost", 0) for one in records))
    totals = client.read("/statuses", DAY | {"batchId": batch_id}).json()
    assert sum(total["count"] for total in totals.values()) == 300


def test_who_opted_out_has_a_message_that_fails(open_client: Opener, clock: ManualClock) -> None:
    client = open_client()
    ana, ben = RECIPIENTS[:2]
    client.sandbox.store.add_opt_out(from_number=SENDER, to_number=ana)
    client.sandbox.store.add_opt_out(from_number="+16505550101", to_number=ben)
    record = client.send_batch(ana, ben).json()
    assert (record["batchSize"], record["rejected"]) == (2, [])
    settle(client, clock)
    records = client.records("/messages", DAY | {"batchId": record["id"]})
    failed = {one["to"][0]: (one["messageStatus"], one.get("errorCode")) for one in records}
    assert failed[ana] == ("SendingFailed", "SMS-RC-413")
    assert failed[ben] != failed[ana]


def test_only_who_opted_out_fails_as_opted_out(client: Client) -> None:
    client.send_batch(*(f"+1415{number}" for number in range(2_000_000, 2_005_000)))
    codes = {one.error_code for one in client.sandbox.store.sent_messages()}
    assert "SMS-RC-500" in codes
    assert "SMS-RC-413" not in codes


def test_a_batch_may_be_listed_late(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(sending_time=0, listing_delay=30)
    batch_id, seen = sent(client), []
    for _ in range(2):
        listed = [one["id"] for one in client.records("/batches", DAY)]
        messages = client.records("/messages", DAY | {"batchId": batch_id})
        seen.append((listed, client.read(f"/batches/{batch_id}").status, len(messages)))
        clock.now += 30
    assert seen == [([], 404, 0), ([batch_id], 200, 10)]


def test_a_delay_of_the_list_does_not_add_to_the_sending_time(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(sending_time=100, listing_delay=50)
    batch_id = sent(client)
    clock.now += 50
    assert len(client.records("/messages", DAY | {"batchId": batch_id})) == 5
    clock.now += 50
    assert len(client.records("/messages", DAY | {"batchId": batch_id})) == 10


def test_a_sent_batch_can_be_completed_by_hand(client: Client) -> None:
    batch_id = sent(client)
    client.sandbox.store.complete_batch(batch_id)
    assert client.read(f"/batches/{batch_id}").json()["status"] == "Completed"
    assert len(client.records("/messages", DAY | {"batchId": batch_id})) == 10


def test_a_test_can_send_in_the_place_of_another_client(client: Client) -> None:
    batch = client.sandbox.store.send_batch(
        SENDER, [(RECIPIENTS[0], "Hi"), ("29395", "Hi")], created=END + timedelta(hours=11), sending_time=60
    )
    record = client.read(f"/batches/{batch.id}").json()
    assert (record["creationTime"], record["status"], record["batchSize"]) == (
        "2026-03-01T11:00:00.000000Z",
        "Completed",
        1,
    )
    assert [one.index for one in batch.rejected] == [2]


def test_a_copy_has_the_sender_the_recipients_and_the_texts(client: Client, clock: ManualClock) -> None:
    batch_id = sent(client)
    clock.now += 1
    copy = client.sandbox.store.send_copy(batch_id)
    assert (copy.from_number, copy.size, copy.id != batch_id) == (SENDER, 10, True)
    assert client.sandbox.store.sent_counts() == {(to, "Hello"): 2 for to in RECIPIENTS}


def test_only_sent_batches_count_as_sent(client: Client) -> None:
    client.sandbox.store.start_batch(size=5)
    batch_id = sent(client, RECIPIENTS[0])
    assert [one.batch_id for one in client.sandbox.store.sent_messages()] == [batch_id]
