"""A response that is not the service's JSON is retried, whatever its status; error codes decide about the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.auth.session import Session
from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    LoginRefused,
    PageTokenExpired,
    PermissionDenied,
    UnexpectedResponse,
)
from airflow_provider_hvsms.api.quota.quota import Quota
from airflow_provider_hvsms.api.transport import TimeLimits, Transport
from tests.api.canned_server import HTML, LOGIN, Canned, canned_server
from tests.api.test_slices import DAY
from tests.support.clock import ManualClock

MESSAGE = {"id": 1, "creationTime": "2026-10-31T12:00:00Z"}


def client_of(url: str, clock: ManualClock, *, tries: int = 6) -> MessageStoreClient:
    limits = TimeLimits(tries=tries)
    quota = Quota(clock=clock, sleep=clock.sleep)
    transports = [Transport(url, quota=quota, limits=limits, sleep=clock.sleep) for _ in range(2)]
    session = Session(Credentials(url, "id", "secret", JwtGrant("jwt")), transports[0], clock=clock, sleep=clock.sleep)
    return MessageStoreClient(transports[1], session)


def each_once(*responses: Canned) -> Callable[..., Canned]:
    """Send each response once, and the last one from then on."""
    left = list(responses)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


FOREIGN = {
    "HTML": HTML,
    "nothing": "",
    "a gateway's JSON": {"message": "Forbidden"},
    "a framework's JSON": {"status": 403, "error": "Forbidden", "path": "/"},
    "a list": [],
}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_a_refusal_without_the_services_json_is_retried(clock: ManualClock, body: Any, status: int) -> None:
    respond = each_once(Canned(body, status), Canned(body, status), Canned(MESSAGE))
    with canned_server(respond) as url, client_of(url, clock) as client:
        assert client.get_message("1").id == "1"
    assert clock.slept == [2, 4]


def test_a_persistent_firewall_is_not_reported_as_a_missing_permission(clock: ManualClock) -> None:
    with canned_server(each_once(Canned(HTML, 403))) as url, client_of(url, clock, tries=2) as client:
        with pytest.raises(UnexpectedResponse, match=r"403 \(text/html, .* a proxy or firewall") as error:
            client.get_message("1")
    assert "A2PSMS" not in str(error.value)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_login_that_a_firewall_refuses_is_retried(clock: ManualClock, status: int) -> None:
    login = each_once(Canned(HTML, status), Canned(LOGIN))
    with canned_server(each_once(Canned(MESSAGE)), login=login) as url, client_of(url, clock) as client:
        assert client.get_message("1").id == "1"
    assert clock.slept == [2]


def test_a_login_that_the_service_refuses_is_not_retried(clock: ManualClock) -> None:
    login = each_once(Canned({"error": "invalid_grant", "error_description": "no such token"}, 400))
    with canned_server(each_once(Canned(MESSAGE)), login=login) as url, client_of(url, clock) as client:
        with pytest.raises(LoginRefused, match="invalid_grant"):
            client.get_message("1")
    assert clock.slept == []


def refusal(status: int, name: str, *nested: dict[str, str] | None) -> Canned:
    errors = None if nested == (None,) else list(nested)
    return Canned({"errorCode": name, "message": "no", "errors": errors}, status)


def test_a_missing_permission_is_recognised_by_a_code_at_either_level(clock: ManualClock) -> None:
    nested = refusal(403, "InsufficientPermissions", {"errorCode": "CMN-401", "permissionName": "A2PSMS"})
    for response in (nested, refusal(403, "CMN-401", None)):
        with canned_server(each_once(response)) as url, client_of(url, clock) as client:
            with pytest.raises(PermissionDenied, match="CMN-401"):
                client.get_message("1")


def page(token: str | None) -> Canned:
    return Canned({"records": [MESSAGE], "paging": {"nextPageToken": token}})


EXPIRED = {
    "nested": refusal(400, "InvalidParameter", {"errorCode": "CMN-101"}),
    "nested, with its parameter": refusal(400, "Any", {"errorCode": "Other", "parameterName": "pageToken"}),
    "at the top": refusal(400, "CMN-101"),
    "at the top, beside null": refusal(400, "CMN-101", None),
    "a name alone": refusal(400, "InvalidParameter"),
}


@pytest.mark.parametrize("response", EXPIRED.values(), ids=EXPIRED)
def test_an_expired_page_token_is_recognised_by_a_code_at_either_level(clock: ManualClock, response: Canned) -> None:
    def respond(path: str) -> Canned:
        return response if "pageToken" in path else page("next")

    with canned_server(respond) as url, client_of(url, clock) as client:
        with pytest.raises(PageTokenExpired):
            list(client.iter_messages(DAY))


def test_an_error_that_names_another_parameter_is_not_about_the_page_token(clock: ManualClock) -> None:
    response = refusal(400, "InvalidParameter", {"errorCode": "CMN-101", "parameterName": "dateTo"})

    def respond(path: str) -> Canned:
        return response if "pageToken" in path else page("next")

    with canned_server(respond) as url, client_of(url, clock) as client:
        with pytest.raises(InvalidRequest, match="CMN-101"):
            list(client.iter_messages(DAY))
