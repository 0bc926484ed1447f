"""Errors of the message store: status, code and parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener

DATES = {"dateFrom": "2026-02-27T00:00:00Z", "dateTo": "2026-02-28T00:00:00Z"}


@pytest.mark.parametrize("path", ["/messages", "/batches", "/statuses"])
@pytest.mark.parametrize("name", ["dateFrom", "dateTo"])
@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "",
        "2026-02-27",
        "2026-02-27T00:00:00",
        "2026-02-30T00:00:00Z",
        "2026-02-27T25:00:00Z",
        "2026-02-27T00:00:00+99:00",
        "20211-11-14T20:19:56.505461Z",
        "1772150400",
    ],
)
def test_a_time_must_be_iso_8601_with_a_zone(client: Client, path: str, name: str, value: str) -> None:
    assert client.read(path, DATES | {name: value}).codes == (400, "CMN-101", name)


@pytest.mark.parametrize("path", ["/messages", "/batches", "/statuses"])
def test_a_window_must_not_end_before_its_start(client: Client, path: str) -> None:
    query = {"dateFrom": DATES["dateTo"], "dateTo": DATES["dateFrom"]}
    assert client.read(path, query).codes == (400, "CMN-101", "dateFrom")


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/messages", "direction", "Sideways"),
        ("/messages", "direction", "inbound"),
        ("/messages", "direction", ["Inbound", "Sideways"]),
        ("/statuses", "direction", "Both"),
        ("/messages", "view", "Full"),
        ("/messages", "batchId", ""),
        ("/messages", "phoneNumber", "me"),
        ("/messages", "phoneNumber", "  16505550100"),
        ("/messages", "phoneNumber", [f"1650555{line:04d}" for line in range(16)]),
        ("/statuses", "phoneNumber", [f"1650555{line:04d}" for line in range(16)]),
        ("/batches", "from", "anyone"),
        ("/batches", "status", ["Processing", "Failed"]),
        ("/opt-outs", "status", "OptOut"),
        ("/opt-outs", "to", "*"),
        *(
            (path, "perPage", value)
            for path in ("/messages", "/batches", "/opt-outs")
            for value in ("0", "-1", "ten", "1.5")
        ),
    ],
)
def test_an_invalid_value_is_refused_and_named(client: Client, path: str, name: str, value: Any) -> None:
    assert client.read(path, {name: value}).codes == (400, "CMN-101", name)


def test_fifteen_phone_numbers_are_accepted(client: Client) -> None:
    numbers = [f"1650555{line:04d}" for line in range(15)]
    assert client.read("/messages", {"phoneNumber": numbers}).status == 200


def test_an_error_has_the_form_of_the_service(client: Client) -> None:
    message = "Parameter [dateFrom] value is invalid."
    assert client.read("/messages", {"dateFrom": "x"}).json() == {
        "errorCode": "CMN-101",
        "message": message,
        "errors": [{"errorCode": "CMN-101", "message": message, "parameterName": "dateFrom"}],
    }


def test_all_invalid_parameters_are_named(client: Client) -> None:
    reply = client.read("/messages", {"dateFrom": "x", "view": "y", "perPage": "z"})
    assert [one["parameterName"] for one in reply.json()["errors"]] == ["dateFrom", "view", "perPage"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/messages/1", "messageId"),
        ("/messages/x", "messageId"),
        ("/messages/052000001", "messageId"),
        ("/batches/x", "batchId"),
    ],
)
def test_an_unknown_id_is_not_found(client: Client, path: str, name: str) -> None:
    reply = client.read(path)
    assert reply.codes == (404, "CMN-102", name)
    assert reply.json()["message"] == f"Resource for parameter [{name}] is not found."


@pytest.mark.parametrize(
    "path", ["/", "/restapi/v1.0/account/~/a2p-sms", "/restapi/v1.0/account/~/a2p-sms/statuses/1", "/sandbox/x"]
)
def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    reply = client.send("GET", path)
    assert (reply.status, reply.json()["errorCode"]) == (404, "CMN-102")


def test_the_account_may_be_given_by_its_id(client: Client) -> None:
    client.base = f"/restapi/v1.0/account/{client.sandbox.settings.account_id}/a2p-sms"
    assert client.read("/messages").status == 200


def test_another_account_is_not_found(client: Client) -> None:
    client.base = "/restapi/v1.0/account/999/a2p-sms"
    assert client.read("/messages").codes == (404, "CMN-102", "accountId")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_get_is_allowed(client: Client, method: str) -> None:
    reply = client.read("/messages", method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET")


def test_an_app_without_the_permission_reads_nothing(open_client: Opener) -> None:
    reply = open_client(permission=False).read("/messages", {"dateFrom": "x"})
    assert reply.codes == (403, "CMN-401", None)
    assert "A2PSMS" in reply.json()["message"]


def test_every_response_has_a_request_id_and_is_json(client: Client) -> None:
    replies = [client.read(path) for path in ("/messages", "/batches/x", "/statuses", "/opt-outs")]
    replies += [client.send("GET", "/unknown"), client.login(), client.grant(grant_type="x")]
    assert len({reply.headers["rcrequestid"] for reply in replies}) == len(replies)
    assert {reply.headers["content-type"] for reply in replies} == {"application/json;charset=utf-8"}


@pytest.mark.parametrize(
    ("status", "name", "code"),
    [
        (400, "InvalidParameter", "CMN-101"),
        (401, "TokenInvalid", "OAU-129"),
        (403, "InsufficientPermissions", "CMN-401"),
    ],
)
def test_errors_may_have_a_name_at_the_top_and_their_code_nested(
    open_client: Opener, status: int, name: str, code: str
) -> None:
    client = open_client(named_errors=True, permission=status != 403)
    if status == 401:
        client.token = "SBX01abc"
    reply = client.read("/messages", {"view": "Full"})
    content = reply.json()
    assert (reply.status, content["errorCode"], content["errors"][0]["errorCode"]) == (status, name, code)


def test_a_missing_permission_is_named(open_client: Opener) -> None:
    assert open_client(permission=False).read("/messages").json()["errors"][0]["permissionName"] == "A2PSMS"


def test_named_errors_do_not_change_a_refused_login(open_client: Opener) -> None:
    reply = open_client(named_errors=True).grant(secret="wrong")
    assert (reply.status, reply.json()["error"], reply.json()["errors"][0]["errorCode"]) == (
        401,
        "invalid_client",
        "OAU-146",
    )
