"""Transient failures are retried; errors show what was asked, what came back and what to do."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.errors import (
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    ServiceUnavailable,
    UnexpectedResponse,
)
from airflow_provider_hvsms.api.filters import MessageFilter
from airflow_provider_hvsms.api.transport import TimeLimits
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from tests.api.canned_server import refusing_server
from tests.api.conftest import MakeClient, whole_history
from tests.support.clock import ManualClock

TRANSIENT = {
    "500": Fault.server_error(500),
    "503": Fault.server_error(503),
    "a dropped connection": Fault.drop(),
    "half a body": Fault.half_body(),
    "cut-off JSON": Fault.cut_off(),
    "HTML with status 200": Fault.html(),
    "a firewall's HTML with status 403": Fault.html(403),
    "a proxy's HTML with status 404": Fault.html(404),
    "a gateway's HTML with status 401": Fault.html(401),
    "an empty body": Fault.empty(),
    "a list instead of an object": Fault.not_an_object(),
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_transient_failures_are_retried_without_loss(
    sandbox: Sandbox, make_client: MakeClient, clock: ManualClock, fault: Fault
) -> None:
    sandbox.faults.add(fault, times=2, path="/messages", after=1)
    messages = list(make_client(sandbox).iter_messages(whole_history(sandbox)))
    assert sorted(message.id for message in messages) == sorted(str(message.id) for message in sandbox.store.messages)
    assert clock.slept == [2, 4]


def test_the_pause_doubles_up_to_a_minute(sandbox: Sandbox, make_client: MakeClient, clock: ManualClock) -> None:
    sandbox.faults.add(Fault.server_error(500), times=None, path="/messages")
    with pytest.raises(ServiceUnavailable):
        make_client(sandbox, limits=TimeLimits(tries=8)).get_message("1")
    assert clock.slept == [2, 4, 8, 16, 32, 60, 60]


def test_retry_after_extends_the_pause(sandbox: Sandbox, make_client: MakeClient, clock: ManualClock) -> None:
    sandbox.faults.add(Fault.server_error(503, retry_after=90), path="/messages")
    make_client(sandbox).get_message(str(sandbox.store.messages[0].id))
    assert clock.slept == [90]


def test_the_last_error_shows_the_response(sandbox: Sandbox, make_client: MakeClient) -> None:
    sandbox.faults.add(Fault.html(), times=None, path="/messages")
    with pytest.raises(UnexpectedResponse, match=r"GET .*/messages/1: .*200 \(text/html.* bytes; request id [\w-]+\)"):
        make_client(sandbox, limits=TimeLimits(tries=2)).get_message("1")


def test_each_retry_is_logged_with_its_reason(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add(Fault.server_error(503), path="/messages")
    make_client(sandbox).get_message(str(sandbox.store.messages[0].id))
    assert any("Attempt 1 of 6: GET" in message and "503" in message for message in caplog.messages)


def test_after_a_429_the_request_is_repeated_when_the_penalty_ends(make_client: MakeClient, clock: ManualClock) -> None:
    with Sandbox(Settings(messages=100, days=1, light=10, auth=100), clock=clock) as sandbox:
        other = make_client(sandbox)
        for _ in range(9):
            other.get_message(str(sandbox.store.messages[0].id))
        client = make_client(sandbox)
        for _ in range(5):
            client.get_message(str(sandbox.store.messages[0].id))
        assert (sandbox.counters.refused, sandbox.counters.inside_penalty) == (0, 0)
        sandbox.faults.add(Fault.server_error(429, retry_after=60), path="/messages")
        started = clock.now
        client.get_message(str(sandbox.store.messages[0].id))
        assert clock.now - started >= 60


def test_a_persistent_429_is_an_error_about_the_quota(sandbox: Sandbox, make_client: MakeClient) -> None:
    sandbox.faults.add(Fault.server_error(429, retry_after=60), times=None, path="/messages")
    with pytest.raises(QuotaExceeded, match="429.*CMN-301.*Other programs"):
        make_client(sandbox).get_message("1")


def test_a_redirect_is_not_followed_and_its_host_is_named(sandbox: Sandbox, make_client: MakeClient) -> None:
    sandbox.faults.add(Fault.redirect("https://elsewhere.example/login?token=abc"), times=None, path="/messages")
    with pytest.raises(UnexpectedResponse, match=r"redirects to elsewhere\.example, and redirects") as error:
        make_client(sandbox, limits=TimeLimits(tries=1)).get_message("1")
    assert "token=abc" not in str(error.value)


def test_a_missing_permission_is_named_and_not_retried(make_client: MakeClient, clock: ManualClock) -> None:
    with Sandbox(Settings(messages=10, permission=False)) as sandbox:
        with pytest.raises(PermissionDenied, match=r"403 .*A2PSMS"):
            make_client(sandbox).get_message("1")
    assert clock.slept == []


def test_an_unknown_message_is_named_and_not_retried(
    sandbox: Sandbox, make_client: MakeClient, clock: ManualClock
) -> None:
    with pytest.raises(NotFound, match=r"/messages/no%2Fsuch%3Fid.*404 .*CMN-102.*request id"):
        make_client(sandbox).get_message("no/such?id")
    assert clock.slept == []


def test_an_error_about_an_unknown_account_names_the_field(sandbox: Sandbox, make_client: MakeClient) -> None:
    with pytest.raises(NotFound, match="account_id"):
        make_client(sandbox, account_id="7").get_message("1")


def test_a_parameter_that_the_service_refuses_is_named(sandbox: Sandbox, make_client: MakeClient) -> None:
    sandbox.faults.add(Fault.server_error(400), path="/messages")
    with pytest.raises(InvalidRequest, match="400"):
        make_client(sandbox).get_message("1")


@pytest.mark.parametrize("message_id", ["", " ", "None", ".", ".."])
def test_an_id_that_cannot_be_part_of_a_path_is_refused(
    sandbox: Sandbox, make_client: MakeClient, message_id: str
) -> None:
    with pytest.raises(InvalidRequest, match="message id is"):
        make_client(sandbox).get_message(message_id)
    assert sandbox.counters.reads == 0


def test_errors_and_logs_show_no_phone_number_and_no_token(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add(Fault.server_error(500), times=None, path="/messages")
    wanted = MessageFilter(phone_numbers=["+16505550177"], batch_id="batch-7")
    with caplog.at_level(logging.INFO), pytest.raises(ServiceUnavailable, match="batchId=batch-7") as error:
        next(make_client(sandbox).message_pages(whole_history(sandbox), wanted))
    assert "6505550177" not in caplog.text + str(error.value)


def test_a_refused_connection_is_reported(clock: ManualClock) -> None:
    with refusing_server() as url:
        credentials = Credentials(url, "id", "secret", JwtGrant("jwt"))
        with connect(credentials, limits=TimeLimits(tries=1)) as client:
            with pytest.raises(ServiceUnavailable, match="Connection refused"):
                client.get_message("1")


def test_a_refused_connection_shows_no_phone_number_in_traceback_or_debug_log(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(sandbox, limits=TimeLimits(tries=2))
    wanted = MessageFilter(phone_numbers=["+16505550177"])
    client.get_message(str(sandbox.store.messages[0].id))
    with refusing_server() as url:
        client._transport._server = url
        with caplog.at_level(logging.DEBUG), pytest.raises(ServiceUnavailable, match="Connection refused") as error:
            next(client.message_pages(whole_history(sandbox), wanted))
    assert "6505550177" not in "".join(traceback.format_exception(error.value)) + caplog.text


def test_a_slow_response_times_out(sandbox: Sandbox, make_client: MakeClient) -> None:
    sandbox.faults.add(Fault.slow(0.5), path="/messages")
    with pytest.raises(ServiceUnavailable, match="timed out"):
        make_client(sandbox, limits=TimeLimits(read=0.1, tries=1)).get_message("1")


def test_a_netrc_file_does_not_replace_the_token(
    sandbox: Sandbox, make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    make_client(sandbox).get_message(str(sandbox.store.messages[0].id))
    assert sandbox.counters.answers[401] == 0


def test_a_lost_connection_shows_no_phone_number_in_traceback_or_debug_log(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(sandbox, limits=TimeLimits(tries=2))
    sandbox.faults.add(Fault.drop(), times=None, path="/messages", after=1)
    wanted = MessageFilter(phone_numbers=["+16505550177"])
    with caplog.at_level(logging.DEBUG), pytest.raises(ServiceUnavailable) as error:
        for _ in range(2):
            next(client.message_pages(whole_history(sandbox), wanted))
    shown = "".join(traceback.format_exception(error.value)) + caplog.text
    assert "6505550177" not in shown
    assert "a2p-sms/messages" in caplog.text
