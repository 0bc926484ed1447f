"""The hook reads with an Airflow connection, and names the field of a connection that cannot be used."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import ConnectionUnavailable, InvalidRequest, InvalidSettings
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings

Connection = dict[str, Any]


def connect_with(monkeypatch: pytest.MonkeyPatch, connection: Connection, **changes: Any) -> HvsmsHook:
    monkeypatch.setenv("AIRFLOW_CONN_HVSMS_DEFAULT", json.dumps({**connection, **changes}))
    return HvsmsHook()


def history(sandbox: Sandbox) -> dict[str, Any]:
    end = sandbox.settings.end
    assert end is not None
    return {"date_from": end - timedelta(days=3), "date_to": end}


def test_messages_are_read_with_the_connection(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    messages = HvsmsHook().iter_messages(**history(sandbox))
    assert sorted(int(message.id) for message in messages) == sorted(message.id for message in sandbox.store.messages)


def test_messages_can_be_read_page_by_page(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    pages = HvsmsHook().message_pages(**history(sandbox), per_page=1000)
    assert [len(page.records) for page in pages] == [1000, 1000, 1000]


def test_a_single_message_is_read(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    expected = sandbox.store.messages[0]
    assert HvsmsHook().get_message(str(expected.id)).text == expected.text


def test_a_hook_logs_in_once_for_all_reads(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    hook = HvsmsHook()
    for message in sandbox.store.messages[:5]:
        hook.get_message(str(message.id))
    hook.close()
    assert (sum(sandbox.counters.logins.values()), sandbox.counters.revokes) == (1, 1)


def test_a_password_connection_logs_in(
    sandbox: Sandbox, hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = sandbox.settings
    user = {"username": settings.username, "extension": settings.extension, "user_password": settings.password}
    hook = connect_with(monkeypatch, hvsms_connection, extra=user)
    assert hook.test_connection() == (True, "Logged in, and read the message store.")
    assert dict(sandbox.counters.logins) == {"password": 1}


def test_arguments_are_checked_at_the_call(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    with pytest.raises(InvalidRequest, match="view"):
        HvsmsHook().iter_messages(**{**history(sandbox), "view": "Full"})
    assert sandbox.counters.reads == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": {}}, "jwt_token and username are both missing"),
        ({"extra": {"jwt_token": "", "username": None}}, "jwt_token and username are both missing"),
        ({"extra": {"username": "+15550100000"}}, "user_password is missing"),
        ({"extra": {"user_password": "secret"}}, "username is missing"),
        ({"login": ""}, "client id is missing"),
        ({"password": None}, "client secret is missing"),
        ({"host": "http://platform.ringcentral.com"}, "Plain http"),
        ({"extra": {"jwt_token": "a.b.c", "read_timeout": "fast"}}, "read_timeout .*'fast'"),
        ({"extra": {"jwt_token": "a.b.c", "connect_timeout": 0}}, "connect_timeout"),
        ({"extra": {"jwt_token": "a.b.c", "account_id": ".."}}, "account_id"),
        ({"extra": {"jwt_token": "a.b.c", "shared_session": "maybe"}}, "shared_session .*'maybe'.*true or false"),
        ({"extra": {"jwt_token": "a.b.c", "shared_session": 2}}, "shared_session .*'2'"),
        ({"extra": {"jwt_token": "a.b.c", "share_token": 2}}, "share_token .*'2'"),
        ({"password": "***"}, r"client secret is '\*\*\*'.*type it again"),
        ({"extra": {"jwt_token": "***"}}, r"jwt_token .*'\*\*\*'.*type it again"),
        ({"extra": {"username": "+15550100000", "user_password": "***"}}, r"user_password .*'\*\*\*'"),
        ({"host": "https://example.com:8443", "port": 443}, "contains port 8443, .* is 443"),
        ({"extra": {"jwt_token": "a.b.c", "quota_share": "half"}}, "quota_share .*'half'.*above 0 and up to 1"),
        ({"extra": {"jwt_token": "a.b.c", "quota_share": 0}}, "quota_share .*'0'"),
        ({"extra": {"jwt_token": "a.b.c", "quota_share": 1.5}}, "quota_share .*'1.5'"),
        ({"extra": {"jwt_token": "a.b.c", "quota_share": "nan"}}, "quota_share .*'nan'"),
    ],
)
def test_a_missing_or_invalid_field_is_named_with_the_connection(
    hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch, changes: Connection, message: str
) -> None:
    hook = connect_with(monkeypatch, hvsms_connection, **changes)
    with pytest.raises(InvalidSettings, match=f"Connection 'hvsms_default': .*{message}"):
        hook.get_conn()


def test_the_default_server_is_ringcentral(hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect_with(monkeypatch, hvsms_connection, host="").get_conn()
    assert client._transport._server == "https://platform.ringcentral.com"


def test_the_default_port_of_https_is_omitted(hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = connect_with(monkeypatch, hvsms_connection, host="", port=443)
    assert hook.client_settings().credentials.server == "https://platform.ringcentral.com"


def test_the_host_and_the_port_field_may_both_contain_the_port(
    sandbox: Sandbox, hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    assert connect_with(monkeypatch, hvsms_connection, host=sandbox.url, port=port).test_connection()[0]


def test_the_port_field_is_used(
    sandbox: Sandbox, hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _, port = sandbox.url.rpartition(":")
    assert connect_with(monkeypatch, hvsms_connection, host=host, port=int(port)).test_connection()[0]


@pytest.mark.parametrize(
    ("value", "shares"),
    [
        (True, True), ("true", True), ("1", True), ("yes", True),
        (False, False), ("False", False), ("0", False), ("NO", False), ("", False), (None, False),
    ],
)  # fmt: skip
def test_shared_session_accepts_the_values_of_json_and_of_forms(
    hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch, value: object, shares: bool
) -> None:
    extra = {**hvsms_connection["extra"], "shared_session": value}
    settings = connect_with(monkeypatch, hvsms_connection, extra=extra).client_settings(may_share=True)
    assert (settings.token_store is not None) is shares


@pytest.mark.parametrize(
    ("switches", "shares"),
    [
        ({"share_token": True}, True),
        ({"share_token": "true"}, True),
        ({"share_token": False}, False),
        ({"share_token": True, "shared_session": None}, True),
        ({"share_token": True, "shared_session": False}, False),
        ({"share_token": False, "shared_session": True}, True),
    ],
)
def test_the_former_name_of_shared_session_is_used_if_the_new_one_is_not_set(
    hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch, switches: dict[str, object], shares: bool
) -> None:
    extra = {**hvsms_connection["extra"], **switches}
    settings = connect_with(monkeypatch, hvsms_connection, extra=extra).client_settings(may_share=True)
    assert (settings.token_store is not None) is shares


def test_a_mask_that_a_form_stored_for_an_unchanged_switch_means_off(
    hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {**hvsms_connection["extra"], "share_token": "***"}
    settings = connect_with(monkeypatch, hvsms_connection, extra=extra).client_settings(may_share=True)
    assert settings.token_store is None


def test_a_quota_share_limits_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(Settings(messages=100, days=1, light=20, window=2, auth=1_000)) as sandbox:
        connection = sandbox.airflow_connection
        extra = {**connection["extra"], "quota_share": "0.5"}
        hook = connect_with(monkeypatch, connection, extra=extra)
        for message in sandbox.store.messages[:15]:
            hook.get_message(str(message.id))
        assert sandbox.counters.max_in_quota_window <= 10


def test_the_test_button_reports_success(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    assert HvsmsHook().test_connection() == (True, "Logged in, and read the message store.")
    assert (sandbox.counters.reads, sandbox.counters.revokes) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "wrong"}, "client secret"),
        ({"extra": {"jwt_token": "x.y.z"}}, "jwt_token"),
        ({"extra": {}}, "both missing"),
        ({"host": "http://127.0.0.1:1"}, "no complete response from http://127.0.0.1:1: "),
        ({"host": "http://127.0.0.1:1"}, "check the connection's host"),
    ],
)
def test_the_test_button_reports_what_is_wrong(
    hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch, changes: Connection, message: str
) -> None:
    worked, reported = connect_with(monkeypatch, hvsms_connection, **changes).test_connection()
    assert not worked
    assert message in reported


def test_the_test_button_omits_the_generated_connection_id(
    hvsms_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, message = connect_with(monkeypatch, hvsms_connection, password="").test_connection()
    assert message == "The client secret is missing: set the connection's password."


def test_the_test_button_reports_a_missing_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(Settings(messages=1, permission=False)) as sandbox:
        worked, message = connect_with(monkeypatch, sandbox.airflow_connection).test_connection()
    assert (worked, "A2PSMS" in message) == (False, True)


def test_the_test_button_does_not_retry(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    sandbox.faults.add(Fault.server_error(503), times=None)
    assert not HvsmsHook().test_connection()[0]
    assert sandbox.counters.answers[503] == 1


def test_the_test_button_does_not_wait_for_the_end_of_a_penalty(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    sandbox.faults.add(Fault.server_error(429, retry_after=60), path="/messages")
    for _ in range(2):
        worked, message = HvsmsHook().test_connection()
        assert not worked
        assert re.search(r"penalty is on until \d\d:\d\d:\d\d UTC", message, re.IGNORECASE)
    assert sandbox.counters.answers[429] == 1


def test_the_test_button_logs_in_once_when_its_token_is_rejected(
    sandbox: Sandbox, hvsms_connection: Connection
) -> None:
    sandbox.faults.add(Fault.unauthorized(), times=None, path="/messages")
    worked, message = HvsmsHook().test_connection()
    assert not worked
    assert re.search("401 .*Rejected tokens: 1. The service keeps about five sessions", message)
    assert (sum(sandbox.counters.logins.values()), sandbox.counters.reads) == (1, 1)


def test_dates_may_be_iso_8601_with_a_time_zone(sandbox: Sandbox, hvsms_connection: Connection) -> None:
    dates = {name: moment.isoformat() for name, moment in history(sandbox).items()}
    assert len(list(HvsmsHook().iter_messages(**dates))) == 3_000
    assert len(list(HvsmsHook().iter_batches(**dates))) == len(sandbox.store.batches)


@pytest.mark.parametrize("date", ["2026-11-01T00:00:00", "yesterday", 7, "0001-01-01T00:00:00+05:00"])
def test_an_invalid_date_is_named(sandbox: Sandbox, hvsms_connection: Connection, date: Any) -> None:
    with pytest.raises(InvalidRequest, match="date_from .*(has no time zone|no date and time|outside the years)"):
        HvsmsHook().get_statuses(date_from=date, date_to="2026-11-02T00:00:00Z")


def test_a_missing_connection_is_a_transient_error(airflow_database: None) -> None:
    with pytest.raises(ConnectionUnavailable, match="'nowhere'.*create it.*secrets backend.*try again"):
        HvsmsHook("nowhere").get_conn()
