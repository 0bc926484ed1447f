"""Sending a batch: the request, its answer, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.conftest import SENDER

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener

ANA, BEN, EVE = "+14155550101", "+12125550102", "+13125550103"


def test_the_answer_is_the_new_batch(client: Client) -> None:
    reply = client.send_batch(ANA, BEN)
    record = reply.json()
    assert reply.status == 201
    assert record.pop("creationTime") == record.pop("lastModifiedTime") == "2026-03-01T12:00:00.000000Z"
    assert record == {
        "id": record["id"],
        "from": SENDER,
        "batchSize": 2,
        "processedCount": 0,
        "status": "Processing",
        "rejected": [],
    }


def test_a_sent_batch_is_read_like_any_other(client: Client) -> None:
    record = client.send_batch(ANA).json()
    assert client.read(f"/batches/{record['id']}").json() == record
    window = {"dateFrom": "2026-03-01T12:00:00Z", "dateTo": "2026-03-01T12:00:01Z", "from": SENDER}
    assert client.records("/batches", window) == [record]


def test_two_equal_requests_create_two_batches(client: Client) -> None:
    first, second = client.send_batch(ANA).json(), client.send_batch(ANA).json()
    assert first["id"] != second["id"]
    assert client.sandbox.store.sent_counts() == {(ANA, "Hello"): 2}


def test_a_message_may_have_a_text_of_its_own(client: Client) -> None:
    messages = [{"to": [ANA]}, {"to": [BEN], "text": "Hi Ben"}]
    client.post("/batches", {"from": SENDER, "text": "Hi all", "messages": messages})
    assert client.sandbox.store.sent_counts() == {(ANA, "Hi all"): 1, (BEN, "Hi Ben"): 1}


def test_a_recipient_may_occur_twice_in_a_batch(client: Client) -> None:
    assert client.send_batch(ANA, ANA).json()["batchSize"] == 2
    assert client.sandbox.store.sent_counts() == {(ANA, "Hello"): 2}


def test_numbers_may_lack_their_plus(client: Client) -> None:
    messages = [{"to": [ANA[1:]]}]
    reply = client.post("/batches", {"from": SENDER[1:], "text": "Hello", "messages": messages})
    (message,) = client.sandbox.store.sent_messages()
    assert (reply.json()["from"], message.from_number, message.to_numbers) == (SENDER, SENDER, (ANA,))


@pytest.mark.parametrize("number", ["29395", "+4088070206", "+18005550100", "+1415555010", "+141555501000", "Ana", ""])
def test_a_recipient_that_cannot_receive_messages_is_rejected(client: Client, number: str) -> None:
    record = client.send_batch(ANA, number, BEN).json()
    rejected = [{"index": 2, "to": [number], "errorCode": "SMS-RC-410"}]
    assert [{name: one[name] for name in rejected[0]} for one in record["rejected"]] == rejected
    assert record["batchSize"] == 2
    assert client.sandbox.store.sent_counts() == {(ANA, "Hello"): 1, (BEN, "Hello"): 1}


def test_only_the_first_answer_has_the_rejected_recipients(client: Client) -> None:
    record = client.send_batch(ANA, "29395").json()
    later = client.read(f"/batches/{record['id']}").json()
    assert later == record | {"rejected": []}
    assert client.records("/batches", {"dateTo": "2026-03-01T12:00:01Z"})[0] == later


def test_a_batch_of_rejected_recipients_alone_is_complete_and_empty(client: Client) -> None:
    record = client.send_batch("29395").json()
    assert (record["batchSize"], record["status"], len(record["rejected"])) == (0, "Completed", 1)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"from": None}, "from"),
        ({"from": 16505550100}, "from"),
        ({"from": "+16505559999"}, "from"),
        ({"text": None}, "text"),
        ({"text": ""}, "text"),
        ({"text": 5}, "text"),
        ({"text": "a" * 1001}, "text"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ANA}, "messages"),
        ({"messages": [ANA]}, "messages"),
        ({"messages": [{}]}, "messages.to"),
        ({"messages": [{"to": ANA}]}, "messages.to"),
        ({"messages": [{"to": []}]}, "messages.to"),
        ({"messages": [{"to": [ANA, BEN]}]}, "messages.to"),
        ({"messages": [{"to": [14155550101]}]}, "messages.to"),
        ({"messages": [{"to": [ANA]}, {"to": [BEN], "text": "a" * 1001}]}, "messages.text"),
        ({"messages": [{"to": [ANA], "text": ["Hi"]}]}, "messages.text"),
    ],
)
def test_an_invalid_field_is_refused_and_named(client: Client, change: dict[str, Any], name: str) -> None:
    body = {"from": SENDER, "text": "Hello", "messages": [{"to": [ANA]}]}
    assert client.post("/batches", body | change).codes == (400, "CMN-101", name)
    assert client.sandbox.store.sent_messages() == []


def test_all_invalid_fields_are_named_once(client: Client) -> None:
    reply = client.post("/batches", {"messages": [{"to": ANA}, {"to": BEN}], "text": ""})
    assert [one["parameterName"] for one in reply.json()["errors"]] == ["from", "text", "messages.to"]


def test_a_text_may_have_a_thousand_characters(client: Client) -> None:
    assert client.send_batch(ANA, text="🎉" * 1000).status == 201
    assert [one.segments for one in client.sandbox.store.sent_messages()] == [30]


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"', "null"])
def test_a_body_that_is_no_json_object_cannot_be_parsed(client: Client, content: str) -> None:
    assert client.post("/batches", content).codes == (400, "CMN-104", None)


@pytest.mark.parametrize(
    ("content_type", "code"),
    [(None, "CMN-110"), ("text/plain", "CMN-407"), ("application/x-www-form-urlencoded", "CMN-407")],
)
def test_the_content_type_must_be_json(client: Client, content_type: str | None, code: str) -> None:
    body = {"from": SENDER, "text": "Hello", "messages": [{"to": [ANA]}]}
    assert client.post("/batches", body, content_type).codes == (400, code, "Content-Type")
    assert client.sandbox.store.sent_messages() == []


def test_the_content_type_may_have_a_charset(client: Client) -> None:
    body = {"from": SENDER, "text": "Hello", "messages": [{"to": [ANA]}]}
    assert client.post("/batches", body, "application/json; charset=utf-8").status == 201


def test_nothing_is_sent_without_a_valid_token(client: Client) -> None:
    client.token = "SBX01abc"
    assert client.send_batch(ANA).status == 401
    assert client.sandbox.store.sent_messages() == []


def test_an_app_without_the_permission_sends_nothing(open_client: Opener) -> None:
    client = open_client(permission=False)
    assert client.send_batch(ANA).codes == (403, "CMN-401", None)
    assert client.sandbox.store.sent_messages() == []


def test_another_account_sends_nothing(client: Client) -> None:
    client.base = "/restapi/v1.0/account/999/a2p-sms"
    assert client.send_batch(ANA).codes == (404, "CMN-102", "accountId")
    assert client.sandbox.store.sent_messages() == []


def test_sending_and_reading_share_a_quota(open_client: Opener) -> None:
    client = open_client(light=2)
    assert [client.read("/batches").status, client.send_batch(ANA).status, client.send_batch(BEN).status] == [
        200,
        201,
        429,
    ]
    assert client.sandbox.store.sent_counts() == {(ANA, "Hello"): 1}


def test_requests_are_counted_by_method(client: Client) -> None:
    client.send_batch(ANA)
    client.read("/batches")
    counters = client.sandbox.counters
    assert counters.methods == {"POST batches": 1, "GET batches": 1}
    assert (counters.requests["batches"], counters.first_pages["batches"]) == (2, 1)
    assert client.send("GET", "/sandbox/counters").json()["methods"] == counters.methods


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(client: Client, method: str) -> None:
    reply = client.read("/batches", method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")


def test_ten_thousand_recipients_are_sent_by_one_request(client: Client) -> None:
    messages = [{"to": [f"+1212{number}"], "text": f"Hello {number}"} for number in range(2_000_000, 2_010_000)]
    body = json.dumps({"from": SENDER, "messages": messages})
    reply = client.post("/batches", body)
    assert reply.json()["batchSize"] == len(client.sandbox.store.sent_counts()) == 10_000
