"""Logins, tokens and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Opener, Reply
    from tests.support.clock import ManualClock

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"


def error_of(reply: Reply) -> tuple[int, str, str]:
    content = reply.json()
    assert content["error_description"] == content["errors"][0]["message"]
    return reply.status, content["error"], content["errors"][0]["errorCode"]


def password(client: Client, **changes: str) -> Reply:
    form = {"username": "+15550100000", "extension": "101", "password": "sandbox-password"}
    return client.grant(grant_type="password", **{**form, **changes})


def test_a_login_returns_the_documented_fields(client: Client) -> None:
    content = client.login().json()
    types = {name: type(value) for name, value in content.items()}
    assert types == {
        "access_token": str,
        "token_type": str,
        "expires_in": int,
        "refresh_token": str,
        "refresh_token_expires_in": int,
        "scope": str,
        "owner_id": str,
        "endpoint_id": str,
    }
    assert (content["token_type"], content["expires_in"], content["refresh_token_expires_in"]) == (
        "bearer",
        3600,
        604800,
    )
    assert "A2PSMS" in content["scope"]


@pytest.mark.parametrize("username", ["+15550100000", "15550100000"])
def test_a_password_login_takes_the_number_with_and_without_plus(client: Client, username: str) -> None:
    assert password(client, username=username).status == 200


def test_a_password_login_may_omit_the_extension(client: Client) -> None:
    assert client.grant(grant_type="password", username="15550100000", password="sandbox-password").status == 200


@pytest.mark.parametrize(("name", "value"), [("username", "+15550100001"), ("extension", "102"), ("password", "x")])
def test_a_wrong_user_is_an_invalid_grant(client: Client, name: str, value: str) -> None:
    assert error_of(password(client, **{name: value})) == (400, "invalid_grant", "OAU-140")


def test_a_wrong_jwt_is_an_invalid_grant(client: Client) -> None:
    assert error_of(client.grant(grant_type=JWT_GRANT, assertion="a.b.c"))[:2] == (400, "invalid_grant")


def test_a_wrong_secret_is_an_invalid_client(client: Client) -> None:
    reply = client.grant(secret="x", grant_type=JWT_GRANT, assertion=client.sandbox.settings.jwt)
    assert error_of(reply) == (401, "invalid_client", "OAU-146")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "OAU-123"),
        ("Basic ???", "OAU-123"),
        ("Bearer x", "OAU-123"),
        ("Basic \xe9\xe9", "OAU-123"),
        ("Basic YTpi", "OAU-153"),
    ],
)
def test_an_unknown_client_is_an_invalid_client(client: Client, authorization: str, code: str) -> None:
    headers = {"Content-Type": FORM, "Authorization": authorization}
    reply = client.send("POST", "/restapi/oauth/token", urlencode({"grant_type": "password"}), headers)
    assert error_of(reply) == (401, "invalid_client", code)


def test_an_unknown_grant_is_unsupported(client: Client) -> None:
    assert error_of(client.grant(grant_type="client_credentials"))[:2] == (400, "unsupported_grant_type")


def test_a_disabled_grant_is_unauthorized(open_client: Opener) -> None:
    client = open_client(grants=frozenset({JWT_GRANT}))
    assert error_of(password(client)) == (400, "unauthorized_client", "OAU-251")
    assert password(client).json()["error_description"] == "Unauthorized for this grant type"


@pytest.mark.parametrize("form", [{}, {"grant_type": JWT_GRANT}, {"grant_type": "password", "username": "1"}])
def test_a_missing_field_is_an_invalid_request(client: Client, form: dict[str, str]) -> None:
    assert error_of(client.grant(**form))[:2] == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/restapi/oauth/token", "/restapi/oauth/revoke"])
def test_the_form_must_be_a_form(client: Client, path: str) -> None:
    assert client.send("POST", path, "{}", {"Content-Type": "application/json"}).status == 415


def test_the_token_endpoint_accepts_only_post(client: Client) -> None:
    assert client.send("GET", "/restapi/oauth/token").status == 405


@pytest.mark.parametrize(
    ("requested", "granted"), [("600", 600), ("1200", 1200), ("599", 3600), ("3601", 3600), ("x", 3600)]
)
def test_the_lifetime_of_a_token_can_be_requested_within_bounds(client: Client, requested: str, granted: int) -> None:
    assert client.login(access_token_ttl=requested).json()["expires_in"] == granted


def test_an_expired_token_is_refused(client: Client, clock: ManualClock) -> None:
    clock.now += 3599
    assert client.read("/messages").status == 200
    clock.now += 1
    reply = client.read("/messages")
    assert reply.codes == (401, "OAU-128", None)
    assert reply.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("token", "code"), [(None, "AGW-401"), ("not a token", "OAU-149"), ("SBX01abc", "OAU-129")])
def test_an_invalid_token_is_refused(client: Client, token: str | None, code: str) -> None:
    client.token = token
    assert client.read("/messages").codes == (401, code, None)


def test_a_refresh_ends_the_access_token_before_it(client: Client) -> None:
    old = client.login().json()
    new = client.grant(grant_type="refresh_token", refresh_token=old["refresh_token"]).json()
    client.token = old["access_token"]
    assert client.read("/messages").status == 401
    client.token = new["access_token"]
    assert client.read("/messages").status == 200
    assert new["endpoint_id"] == old["endpoint_id"]


def test_a_refresh_token_works_once(client: Client) -> None:
    token = client.login().json()["refresh_token"]
    assert client.grant(grant_type="refresh_token", refresh_token=token).status == 200
    assert error_of(client.grant(grant_type="refresh_token", refresh_token=token))[:2] == (400, "invalid_grant")


def test_a_refresh_token_expires(client: Client, clock: ManualClock) -> None:
    token = client.login().json()["refresh_token"]
    clock.now += 604_800
    assert client.grant(grant_type="refresh_token", refresh_token=token).status == 400


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_either_token_revokes_its_session(client: Client, which: str) -> None:
    session = client.login().json()
    assert client.grant(path="/restapi/oauth/revoke", token=session[which]).status == 200
    other, client.token = client.token, session["access_token"]
    assert client.read("/messages").status == 401
    assert client.grant(grant_type="refresh_token", refresh_token=session["refresh_token"]).status == 400
    client.token = other
    assert client.read("/messages").status == 200


def test_revoking_an_unknown_token_succeeds(client: Client) -> None:
    assert client.grant(path="/restapi/oauth/revoke", token="unknown").status == 200


def test_a_sixth_login_ends_the_oldest_session(client: Client) -> None:
    tokens = [str(client.token)] + [client.login().json()["access_token"] for _ in range(4)]
    assert client.read("/messages").status == 200
    tokens.append(client.login().json()["access_token"])
    statuses = []
    for client.token in tokens:
        statuses.append(client.read("/messages").status)
    assert statuses == [401, 200, 200, 200, 200, 200]
    assert client.sandbox.counters.ended_sessions == 1


def test_logins_have_a_quota_of_their_own(open_client: Opener, clock: ManualClock) -> None:
    client = open_client(auth=5)
    assert [client.login().status for _ in range(4)] == [200] * 4
    reply = client.login()
    assert (reply.status, reply.headers["retry-after"], reply.json()["errorCode"]) == (429, "60", "CMN-301")
    assert reply.headers["x-rate-limit-group"] == "auth"
    clock.now += 60
    assert client.login().status == 200


def test_revocations_count_in_the_quota_of_logins(open_client: Opener) -> None:
    client = open_client(auth=2)
    assert client.grant(path="/restapi/oauth/revoke", token="unknown").status == 200
    assert client.login().status == 429


@pytest.mark.parametrize(("extension", "status"), [("101", 200), ("102", 400)])
def test_the_extension_may_follow_an_asterisk_in_the_username(client: Client, extension: str, status: int) -> None:
    username = f"{client.sandbox.settings.username}*{extension}"
    reply = client.grant(grant_type="password", username=username, password=client.sandbox.settings.password)
    assert reply.status == status
