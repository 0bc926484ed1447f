"""Opt-outs and opt-ins that the account assigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.conftest import SENDER

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener, Reply

PATH = "/opt-outs/bulk-assign"
ANA, BEN = "+14155550101", "+12125550102"


def assign(client: Client, **fields: Any) -> Reply:
    return client.post(PATH, {"from": SENDER, **fields})


def status_of(client: Client, number: str) -> list[tuple[str, str]]:
    records = client.records("/opt-outs", {"from": SENDER, "to": number, "status": "all"})
    return [(one["status"], one["source"]) for one in records]


def test_opt_outs_and_opt_ins_are_assigned(open_client: Opener) -> None:
    client = open_client(opt_outs=0)
    client.sandbox.store.add_opt_out(from_number=SENDER, to_number=BEN)
    reply = assign(client, optOuts=[ANA], optIns=[BEN])
    assert (reply.status, reply.json()) == (
        200,
        {"optOuts": {"successful": [ANA], "failed": []}, "optIns": {"successful": [BEN], "failed": []}},
    )
    assert status_of(client, ANA) == [("OptOut", "Account")]
    assert status_of(client, BEN) == [("OptIn", "Account")]


def test_invalid_numbers_fail_alone(open_client: Opener) -> None:
    client = open_client(opt_outs=0)
    result = assign(client, optOuts=["me", ANA, "+"], optIns=[""]).json()
    assert result["optOuts"]["successful"] == [ANA]
    assert [one["to"] for part in ("optOuts", "optIns") for one in result[part]["failed"]] == ["me", "+", ""]
    assert all(one["errorMessage"] for one in result["optOuts"]["failed"])
    assert [one.to_number for one in client.sandbox.store.opt_outs] == [ANA]


def test_an_assignment_can_be_repeated(open_client: Opener) -> None:
    client = open_client(opt_outs=0)
    assert assign(client, optOuts=[ANA]).json() == assign(client, optOuts=[ANA]).json()
    assert status_of(client, ANA) == [("OptOut", "Account")]


def test_who_is_in_both_lists_is_opted_out(open_client: Opener) -> None:
    client = open_client(opt_outs=0)
    assign(client, optOuts=[ANA], optIns=[ANA[1:]])
    assert status_of(client, ANA) == [("OptOut", "Account")]


def test_who_was_opted_out_gets_no_message(client: Client) -> None:
    assign(client, optOuts=[ANA[1:]])
    client.send_batch(ANA)
    assert [one.error_code for one in client.sandbox.store.sent_messages()] == ["SMS-RC-413"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"from": None}, "from"),
        ({"from": "+16505559999"}, "from"),
        ({"optOuts": []}, "optOuts"),
        ({"optOuts": None}, "optOuts"),
        ({"optOuts": ANA}, "optOuts"),
        ({"optIns": [5]}, "optIns"),
    ],
)
def test_an_invalid_field_is_refused_and_named(client: Client, change: dict[str, Any], name: str) -> None:
    before = client.sandbox.store.opt_outs
    assert client.post(PATH, {"from": SENDER, "optOuts": [ANA]} | change).codes == (400, "CMN-101", name)
    assert client.sandbox.store.opt_outs == before


def test_a_body_that_is_no_json_object_cannot_be_parsed(client: Client) -> None:
    assert client.post(PATH, "[]").codes == (400, "CMN-104", None)


def test_only_post_is_allowed(client: Client) -> None:
    reply = client.read(PATH)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_an_app_without_the_permission_assigns_nothing(open_client: Opener) -> None:
    client = open_client(permission=False, opt_outs=0)
    assert assign(client, optOuts=[ANA]).status == 403
    assert client.sandbox.store.opt_outs == []


def test_assignments_count_in_the_quota_and_by_method(open_client: Opener) -> None:
    client = open_client(light=1)
    assert [assign(client, optOuts=[ANA]).status, assign(client, optOuts=[BEN]).status] == [200, 429]
    assert client.sandbox.counters.methods == {"POST bulk_assign": 2}


def test_ten_thousand_numbers_are_assigned_by_one_request(client: Client) -> None:
    numbers = [f"+1212{number}" for number in range(2_000_000, 2_010_000)]
    assert assign(client, optOuts=numbers).json()["optOuts"]["successful"] == numbers
