"""Credentials are checked and normalised before they are used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant, PasswordGrant
from airflow_provider_hvsms.api.errors import InvalidSettings


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("http://platform.ringcentral.com", "Plain http.*use https"),
        ("ftp://platform.ringcentral.com", "not a server"),
        ("https://platform.ringcentral.com/restapi", "has a path"),
        ("https://user@platform.ringcentral.com", "not a server"),
        ("https://", "not a server"),
        (" ", "server is missing"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused(server: str, message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        Credentials(server, "id", "secret", JwtGrant("jwt"))


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("platform.ringcentral.com", "https://platform.ringcentral.com"),
        ("https://platform.ringcentral.com/", "https://platform.ringcentral.com"),
        ("platform.ringcentral.com:443", "https://platform.ringcentral.com"),
        ("https://platform.ringcentral.com:8443", "https://platform.ringcentral.com:8443"),
        ("http://localhost:80", "http://localhost"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_server_is_normalised(server: str, address: str) -> None:
    assert Credentials(server, "id", "secret", JwtGrant("jwt")).server == address


@pytest.mark.parametrize(("field", "named"), [("client_id", "connection's login"), ("client_secret", "password")])
def test_a_missing_client_id_or_secret_is_refused(field: str, named: str) -> None:
    parts = {"client_id": "id", "client_secret": "secret", field: ""}
    with pytest.raises(InvalidSettings, match=named):
        Credentials("https://platform.ringcentral.com", parts["client_id"], parts["client_secret"], JwtGrant("jwt"))


def test_a_secret_with_an_invalid_character_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="client secret contains a character"):
        Credentials("https://platform.ringcentral.com", "id", "secret…", JwtGrant("jwt"))


def test_a_password_in_the_server_is_not_shown() -> None:
    with pytest.raises(InvalidSettings) as refusal:
        Credentials("https://user:s3cret@platform.ringcentral.com", "id", "secret", JwtGrant("jwt"))
    assert "s3cret" not in str(refusal.value)


def test_a_fingerprint_depends_on_server_app_and_user_only() -> None:
    one = Credentials("https://platform.ringcentral.com", "id", "s3cret", JwtGrant("jwt"))
    others = [
        replace(one, server="https://platform.devtest.ringcentral.com"),
        replace(one, client_id="other"),
        replace(one, grant=JwtGrant("other")),
        replace(one, grant=PasswordGrant("+15550100000", "101", "pa55")),
        replace(one, grant=PasswordGrant("+15550100000", "102", "pa55")),
    ]
    assert len({credentials.fingerprint for credentials in (one, *others)}) == 6
    assert replace(one, client_secret="corrected").fingerprint == one.fingerprint
