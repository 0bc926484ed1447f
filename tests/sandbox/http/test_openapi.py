"""Every response has the form that the service's OpenAPI description gives; ``openapi.json`` is its structure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tests.sandbox.conftest import SENDER

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener, Reply
    from tests.support.clock import ManualClock

OPENAPI = json.loads((Path(__file__).parents[1] / "openapi.json").read_text())
ANA, BEN = "+14155550101", "+12125550102"
LISTS = ("/messages", "/batches", "/opt-outs", "/statuses")


def closed(schema: Any) -> Any:
    """Return a schema whose objects have no other members than the documented ones."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    members = {name: closed(value) for name, value in schema.items()}
    is_record = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {**members, "additionalProperties": False} if is_record else members


def problems(operation: str, reply: Reply) -> list[str]:
    schemas = OPENAPI["components"]["schemas"]
    if reply.status < 300:
        schemas = {name: closed(schema) for name, schema in schemas.items()}
    schema = {**OPENAPI["responses"][operation][str(reply.status)], "components": {"schemas": schemas}}
    return [error.message for error in Draft202012Validator(schema).iter_errors(reply.json())]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("view", ["Simple", "Detailed"])
def test_lists_have_the_documented_form(big: Client, path: str, view: str) -> None:
    reply = big.read(path, {**big.everything, "perPage": 100, "view": view})
    assert reply.status == 200
    assert problems(f"GET {path}", reply) == []


def test_single_records_have_the_documented_form(big: Client) -> None:
    message, batch = big.sandbox.store.messages[7], big.sandbox.store.batches[0]
    assert problems("GET /messages/{messageId}", big.read(f"/messages/{message.id}")) == []
    assert problems("GET /batches/{batchId}", big.read(f"/batches/{batch.id}")) == []


@pytest.mark.parametrize("sending_time", [0, 20])
def test_the_answer_to_a_batch_has_the_documented_form(open_client: Opener, sending_time: float) -> None:
    reply = open_client(sending_time=sending_time).send_batch(ANA, "29395")
    assert reply.status == 201
    assert problems("POST /batches", reply) == []


def test_a_sent_batch_and_its_messages_have_the_documented_form(open_client: Opener, clock: ManualClock) -> None:
    client = open_client()
    client.sandbox.store.add_opt_out(from_number=SENDER, to_number=ANA)
    batch_id = client.send_batch(ANA, BEN, "29395").json()["id"]
    for _ in range(3):
        clock.now += 11
        assert problems("GET /batches/{batchId}", client.read(f"/batches/{batch_id}")) == []
        messages = client.read("/messages", {"batchId": batch_id, "view": "Detailed"})
        assert problems("GET /messages", messages) == []
        assert problems("GET /statuses", client.read("/statuses", {"batchId": batch_id})) == []


def test_the_result_of_an_assignment_has_the_documented_form(client: Client) -> None:
    reply = client.post("/opt-outs/bulk-assign", {"from": SENDER, "optOuts": [ANA, "me"], "optIns": [BEN, ""]})
    assert problems("POST /opt-outs/bulk-assign", reply) == []


@pytest.mark.parametrize("path", ["/batches", "/opt-outs/bulk-assign"])
@pytest.mark.parametrize("content", ["{", "{}"])
def test_refused_changes_have_the_documented_form(client: Client, path: str, content: str) -> None:
    reply = client.post(path, content)
    assert reply.status == 400
    assert problems(f"POST {path}", reply) == []


def test_errors_of_reads_have_the_documented_form(client: Client) -> None:
    replies = {
        "GET /messages": client.read("/messages", {"view": "x"}),
        "GET /batches/{batchId}": client.read("/batches/x"),
        "GET /messages/{messageId}": client.read("/messages/x"),
    }
    assert {operation: problems(operation, reply) for operation, reply in replies.items()} == {
        operation: [] for operation in replies
    }


def test_an_undocumented_field_would_be_found(big: Client) -> None:
    reply = big.read("/statuses", big.everything)
    reply.body = json.dumps({**reply.json(), "channel": {}}).encode()
    assert problems("GET /statuses", reply)
