"""What the reads answer, against a plain computation over the store's records."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.sandbox.conftest import END

if TYPE_CHECKING:
    from airflow_provider_hvsms.sandbox.records import Message
    from tests.sandbox.conftest import Client, ManualClock, Opener

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
BATCH_TYPES = {
    "id": str,
    "from": str,
    "batchSize": int,
    "processedCount": int,
    "status": str,
    "creationTime": str,
    "lastModifiedTime": str,
    "rejected": list,
    "cost": float,
}
REJECTED_TYPES = {"index": int, "to": list, "errorCode": str, "description": str}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(clock: ManualClock | float) -> int:
    return round((clock if isinstance(clock, float) else clock.now) * 1_000_000)


def moment(text: str) -> int:
    assert text.endswith("Z")
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def store_time(value: int) -> str:
    return (EPOCH + timedelta(microseconds=value)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def expected(message: Message, now: int, detailed: bool) -> dict[str, Any]:
    """Build a list record anew, from the plan alone."""
    record: dict[str, Any] = {"id": message.id, "from": message.from_number, "to": list(message.to_numbers)}
    if detailed:
        record["text"] = message.text
    status, modified = "Queued", message.created
    if message.sent_after is not None and message.created + message.sent_after <= now:
        status, modified = "Sent", message.created + message.sent_after
    if message.created + message.settled_after <= now:
        status, modified = message.final_status, message.created + message.settled_after
        record |= {} if message.final_cost is None else {"cost": message.final_cost}
        record |= {} if message.error_code is None else {"errorCode": message.error_code}
    record |= {} if message.batch_id is None else {"batchId": message.batch_id}
    return record | {
        "creationTime": store_time(message.created),
        "lastModifiedTime": store_time(modified),
        "messageStatus": status,
        "segmentCount": message.segments,
        "direction": message.direction,
    }


def wanted(client: Client, query: dict[str, Any]) -> list[Message]:
    """Filter the store's messages in the plainest way, newest first."""
    start, end = moment(query["dateFrom"]), moment(query["dateTo"])
    numbers = {number.strip("+") for number in query.get("phoneNumber", [])}
    return [
        one
        for one in reversed(client.sandbox.store.messages)
        if start <= one.created < end
        and query.get("direction", one.direction) == one.direction
        and query.get("batchId", one.batch_id) == one.batch_id
        and (not numbers or any(number.strip("+") in numbers for number in (one.from_number, *one.to_numbers)))
    ]


def filters(client: Client) -> dict[str, dict[str, Any]]:
    store, everything = client.sandbox.store, client.everything
    largest = max(store.batches, key=lambda batch: batch.size)
    customer = store.messages[5].from_number, *store.messages[5].to_numbers
    return {
        "nothing": everything,
        "window": {"dateFrom": "2026-02-27T03:04:05.678901Z", "dateTo": "2026-02-27T19:00:00Z"},
        "inbound": everything | {"direction": "Inbound"},
        "outbound": everything | {"direction": "Outbound"},
        "batch": everything | {"batchId": largest.id},
        "unknown batch": everything | {"batchId": "no-such"},
        "numbers": everything | {"phoneNumber": ["+16505550101", customer[-1].strip("+"), customer[0]]},
        "several": everything | {"phoneNumber": ["16505550103"], "direction": "Inbound"},
        "batch and direction": everything | {"batchId": largest.id, "direction": "Inbound"},
    }


FILTERS = (
    "nothing",
    "window",
    "inbound",
    "outbound",
    "batch",
    "unknown batch",
    "numbers",
    "several",
    "batch and direction",
)


@pytest.mark.parametrize("view", ["Simple", "Detailed"])
@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_answers_what_a_plain_computation_finds(big: Client, name: str, view: str) -> None:
    query = filters(big)[name]
    found = big.records("/messages", query | {"view": view})
    now = micros(1772366400.0)
    assert found == [expected(one, now, view == "Detailed") for one in wanted(big, query)]


@pytest.mark.parametrize("per_page", [1, 7, 1000])
@pytest.mark.parametrize("name", ["window", "numbers", "batch"])
def test_pages_of_any_size_give_each_record_once(big: Client, name: str, per_page: int) -> None:
    query = filters(big)[name]
    if per_page == 1:
        query = query | {"dateFrom": "2026-02-27T20:00:00Z", "dateTo": "2026-02-27T22:00:00Z"}
    pages = big.pages("/messages", query | {"perPage": per_page})
    ids = [record["id"] for page in pages for record in page["records"]]
    assert ids == [one.id for one in wanted(big, query)]
    assert all(len(page["records"]) == per_page for page in pages[:-1])
    assert len(pages) == max(1, -(-len(ids) // per_page))


def test_listed_records_have_the_types_of_the_schema(big: Client) -> None:
    for record in big.records("/messages", big.everything | {"view": "Detailed"}):
        assert type(record.pop("id")) is int
        assert all(type(value) is MESSAGE_TYPES[name] for name, value in record.items())
        assert record["messageStatus"] in {"Queued", "Sent", "Delivered", "SendingFailed", "DeliveryFailed"}


def test_a_single_message_has_a_text_and_a_string_for_an_id(big: Client) -> None:
    for message in big.sandbox.store.messages[::300]:
        record = big.read(f"/messages/{message.id}").json()
        plan = expected(message, micros(1772366400.0), True)
        assert record == plan | {"id": str(message.id)}
        assert all(type(value) is ({"id": str} | MESSAGE_TYPES)[name] for name, value in record.items())


def test_batches_have_the_types_of_the_schema(big: Client) -> None:
    batches = big.records("/batches", big.everything)
    assert len(batches) == len(big.sandbox.store.batches)
    for record in batches:
        assert {name: type(value) for name, value in record.items()} == BATCH_TYPES
        assert all({name: type(value) for name, value in one.items()} == REJECTED_TYPES for one in record["rejected"])


def test_some_batches_have_rejected_recipients(big: Client) -> None:
    assert any(record["rejected"] for record in big.records("/batches", big.everything))


def test_a_batch_counts_and_costs_what_its_messages_do(big: Client) -> None:
    for record in big.records("/batches", big.everything):
        messages = [one for one in big.sandbox.store.messages if one.batch_id == record["id"]]
        assert record["batchSize"] == record["processedCount"] == len(messages) + len(record["rejected"])
        assert record["cost"] == pytest.approx(sum(one.final_cost or 0 for one in messages), abs=1e-9)
        assert {one.from_number for one in messages} == {record["from"]}
        assert all(
            moment(record["creationTime"]) < one.created < moment(record["lastModifiedTime"]) for one in messages
        )


@pytest.mark.parametrize("per_page", [1, 7, 1000])
def test_batches_are_filtered_by_sender(big: Client, per_page: int) -> None:
    found = big.records("/batches", big.everything | {"from": "16505550102", "perPage": per_page})
    plain = [one.id for one in reversed(big.sandbox.store.batches) if one.from_number == "+16505550102"]
    assert [record["id"] for record in found] == plain
    assert plain


def test_batches_are_filtered_by_their_window(big: Client) -> None:
    window = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-02-28T00:00:00Z"}
    start, end = moment(window["dateFrom"]), moment(window["dateTo"])
    plain = [one.id for one in reversed(big.sandbox.store.batches) if start <= one.created < end]
    assert [record["id"] for record in big.records("/batches", window)] == plain


def test_batches_are_filtered_by_any_of_several_statuses(big: Client) -> None:
    query = big.everything | {"status": ["Queued", "Completed"]}
    assert len(big.records("/batches", query)) == len(big.sandbox.store.batches)
    assert big.records("/batches", big.everything | {"status": ["Sent", "Processing"]}) == []


def test_a_single_batch_is_the_one_of_the_list(big: Client) -> None:
    record = big.records("/batches", big.everything)[3]
    assert big.read(f"/batches/{record['id']}").json() == record


@pytest.mark.parametrize("name", FILTERS)
def test_statuses_add_up_what_the_messages_are(big: Client, name: str) -> None:
    query = filters(big)[name]
    answer = big.read("/statuses", query).json()
    records = [expected(one, micros(1772366400.0), False) for one in wanted(big, query)]
    assert list(answer) == ["queued", "sent", "delivered", "deliveryFailed", "sendingFailed"]
    for status, totals in answer.items():
        own = [record for record in records if record["messageStatus"].lower() == status.lower()]
        assert totals["count"] == len(own)
        assert totals["cost"] == pytest.approx(sum(record.get("cost", 0) for record in own), abs=1e-6)
        codes = Counter(record["errorCode"] for record in own if "errorCode" in record)
        assert totals.get("errorCodeCounts", {}) == dict(codes)
        assert ("errorCodeCounts" in totals) == status.endswith("Failed")


@pytest.mark.parametrize("per_page", [1, 7, 1000])
@pytest.mark.parametrize("status", ["optout", "optin", "all", None])
def test_opt_outs_are_filtered_by_status(big: Client, status: str | None, per_page: int) -> None:
    shown = {"optin": ("OptIn",), "all": ("OptIn", "OptOut")}.get(status or "optout", ("OptOut",))
    query = {"perPage": per_page} | ({} if status is None else {"status": status})
    found = big.records("/opt-outs", query)
    plain = [one for one in reversed(big.sandbox.store.opt_outs) if one.status in shown]
    assert found == [
        {"from": one.from_number, "to": one.to_number, "status": one.status, "source": one.source} for one in plain
    ]


def test_opt_outs_are_filtered_by_both_numbers(big: Client) -> None:
    one = big.sandbox.store.opt_outs[0]
    query = {"from": one.from_number, "to": one.to_number.strip("+"), "status": "all"}
    assert [record["to"] for record in big.records("/opt-outs", query)] == [one.to_number]


def test_an_asterisk_stands_for_any_sender(big: Client) -> None:
    assert len(big.records("/opt-outs", {"from": "*", "status": "all"})) == 400


def test_opt_outs_have_all_statuses_and_sources_and_no_pair_twice(big: Client) -> None:
    records = big.sandbox.store.opt_outs
    assert {one.status for one in records} == {"OptIn", "OptOut"}
    assert {one.source for one in records} == {"Recipient", "Account", "Upstream", "Carrier"}
    assert len({(one.from_number, one.to_number) for one in records}) == 400


def test_without_dates_the_last_24_hours_are_read(client: Client, clock: ManualClock) -> None:
    day = 86_400_000_000
    plain = [one.id for one in client.sandbox.store.messages if micros(clock) - day <= one.created < micros(clock)]
    assert [record["id"] for record in client.records("/messages", {})] == plain[::-1]
    assert plain


def test_without_a_start_the_24_hours_before_the_end_are_read(client: Client) -> None:
    end = moment("2026-02-28T09:00:00Z")
    plain = [one.id for one in client.sandbox.store.messages if end - 86_400_000_000 <= one.created < end]
    found = client.records("/messages", {"dateTo": "2026-02-28T09:00:00Z"})
    assert [record["id"] for record in found] == plain[::-1]


def test_an_old_batch_without_dates_is_empty(client: Client) -> None:
    oldest = client.sandbox.store.batches[0]
    assert client.records("/messages", {"batchId": oldest.id}) == []


def test_the_window_holds_its_start_and_not_its_end(client: Client) -> None:
    one = client.sandbox.store.messages[100]
    here, after = store_time(one.created), store_time(one.created + 1)
    assert [record["id"] for record in client.records("/messages", {"dateFrom": here, "dateTo": after})] == [one.id]
    before = store_time(one.created - 1)
    assert client.records("/messages", {"dateFrom": before, "dateTo": here}) == []


def test_a_window_in_another_zone_is_the_same(client: Client) -> None:
    there = {"dateFrom": "2026-02-27T05:30:00+05:30", "dateTo": "2026-02-27T19:00:00-05:00"}
    here = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-02-28T00:00:00Z"}
    assert client.records("/messages", there) == client.records("/messages", here)


def test_unknown_parameters_are_ignored(client: Client) -> None:
    assert client.read("/messages", {"colour": "blue"}).status == 200


def test_a_raw_message_is_answered_word_for_word_in_its_place(client: Client) -> None:
    odd = {"id": "x/1", "creationTime": "20211-11-14T20:19:56.505461Z", "from": "+16505550100", "batchId": "b"}
    at = datetime(2026, 2, 27, 12, tzinfo=UTC)
    client.sandbox.store.add_raw_message(odd, created=at)
    window = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-02-28T00:00:00Z"}
    found = client.records("/messages", window)
    place = found.index(odd)
    assert (
        moment(found[place - 1]["creationTime"]) >= micros(at.timestamp()) >= moment(found[place + 1]["creationTime"])
    )
    assert client.read("/messages/x%2F1").json() == odd
    assert client.records("/messages", window | {"batchId": "b"}) == [odd]


def test_an_added_message_keeps_a_status_that_nobody_knows(client: Client) -> None:
    at = datetime(2026, 2, 27, 12, tzinfo=UTC)
    added = client.sandbox.store.add_message(created=at, final_status="Archived", text='"\n\u2028', batch_id='q"q')
    record = client.read(f"/messages/{added.id}").json()
    assert (record["messageStatus"], record["text"], record["batchId"]) == ("Archived", '"\n\u2028', 'q"q')
    query = {"dateFrom": "2026-02-27T12:00:00Z", "dateTo": "2026-02-27T12:00:00.000001Z"}
    assert [one["id"] for one in client.records("/messages", query)] == [added.id]


def test_raw_batches_and_opt_outs_are_answered_word_for_word(client: Client) -> None:
    store, at = client.sandbox.store, datetime(2026, 2, 28, 12, tzinfo=UTC)
    store.add_raw_batch({"id": "raw", "status": 7}, created=at)
    store.add_opt_out(from_number="+16505550100", to_number="+12025550100", raw={"from": None})
    assert client.read("/batches/raw").json() == {"id": "raw", "status": 7}
    assert {"id": "raw", "status": 7} in client.records("/batches", {"dateTo": "2026-03-01T00:00:00Z"})
    assert {"from": None} in client.records("/opt-outs", {})


def test_the_older_names_can_be_asked_for(open_client: Opener) -> None:
    client = open_client(legacy_names=True)
    one = client.sandbox.store.messages[0]
    record = client.read(f"/messages/{one.id}").json()
    assert record["createdAt"] == store_time(one.created)
    assert "lastUpdatedAt" in record
    assert not {"creationTime", "lastModifiedTime"} & set(record)


def test_the_older_shape_of_statuses_can_be_asked_for(open_client: Opener) -> None:
    totals = open_client(legacy_statuses=True).read("/statuses", {"dateTo": "2026-03-01T00:00:00Z"}).json()
    statuses = totals["messageStatuses"]
    assert list(statuses) == ["Queued", "Sent", "Delivered", "DeliveryFailed", "SendingFailed"]
    assert "cost" not in json.dumps(totals)
    assert sum(one["count"] for one in statuses.values()) > 0
    assert "errorCodeCounts" in statuses["SendingFailed"]


@pytest.mark.parametrize("settled", [True, False])
def test_a_history_that_is_written_ahead_is_answered_the_same(
    open_client: Opener, clock: ManualClock, settled: bool
) -> None:
    if not settled:
        clock.now -= timedelta(hours=13).total_seconds()
    clients = [open_client(), open_client(written_ahead=True)]
    for client in clients:
        client.sandbox.store.add_message(created=datetime(2026, 2, 28, 12, tzinfo=UTC))
    window = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-03-01T00:00:00Z"}
    for more in ({}, {"perPage": 7}, {"direction": "Inbound"}, {"view": "Detailed"}):
        plain, written = (client.records("/messages", {**window, **more}) for client in clients)
        assert plain
        assert written == plain


def test_both_directions_may_be_named(big: Client) -> None:
    both = big.records("/messages", {**big.everything, "direction": ["Inbound", "Outbound"]})
    assert len(both) == 3000


def test_the_plus_of_a_phone_number_may_come_unescaped(big: Client) -> None:
    number = big.sandbox.store.messages[0].from_number
    headers = {"Authorization": f"Bearer {big.token}"}
    window = urlencode(big.everything)
    unescaped = big.send("GET", f"{big.base}/messages?{window}&phoneNumber={number}", headers=headers).json()
    assert unescaped["records"] == big.read("/messages", {**big.everything, "phoneNumber": number}).json()["records"]


def test_opt_outs_may_be_had_as_csv(client: Client) -> None:
    headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/csv"}
    reply = client.send("GET", f"{client.base}/opt-outs?status=all", headers=headers)
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert reply.headers["content-type"].startswith("text/csv")
    assert rows == client.records("/opt-outs", {"status": "all"})


def test_a_message_may_appear_long_after_its_creation(client: Client, clock: ManualClock) -> None:
    created = END + timedelta(hours=11, minutes=50)
    late = client.sandbox.store.add_message(created=created, listed_after=1200)
    window = {"dateFrom": created.isoformat(), "dateTo": (created + timedelta(minutes=1)).isoformat()}
    assert client.records("/messages", window) == []
    assert client.read(f"/messages/{late.id}").status == 404
    clock.now += 1200
    assert [record["id"] for record in client.records("/messages", window)] == [late.id]
