"""One login for everybody, renewed in time, revoked at the end."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest

from airflow_provider_hvsms.api.auth.credentials import Credentials, JwtGrant, PasswordGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.errors import InvalidSettings, LoginRefused, SessionEnded
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from tests.api.conftest import MakeClient, credentials_of, whole_history
from tests.support.clock import ManualClock

READY = Settings(messages=100, days=1, light=10_000, auth=1_000)


def first_id(sandbox: Sandbox) -> str:
    return str(sandbox.store.messages[0].id)


def test_a_jwt_logs_in(sandbox: Sandbox, make_client: MakeClient) -> None:
    make_client(sandbox).get_message(first_id(sandbox))
    assert dict(sandbox.counters.logins) == {"urn:ietf:params:oauth:grant-type:jwt-bearer": 1}


def test_a_password_logs_in(sandbox: Sandbox, make_client: MakeClient) -> None:
    settings = sandbox.settings
    grant = PasswordGrant(settings.username, settings.extension, settings.password)
    make_client(sandbox, grant=grant).get_message(first_id(sandbox))
    assert dict(sandbox.counters.logins) == {"password": 1}


def test_nothing_is_sent_before_the_first_read(sandbox: Sandbox, make_client: MakeClient) -> None:
    make_client(sandbox).close()
    assert sandbox.counters.snapshot()["answers"] == {}


def test_many_threads_share_one_login(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox)
    threads = [threading.Thread(target=client.get_message, args=(first_id(sandbox),)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert (sum(sandbox.counters.logins.values()), sandbox.counters.reads) == (1, 20)


def test_clients_of_one_user_in_a_process_share_one_login_and_one_quota(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as one, connect(credentials_of(sandbox)) as other:
        one.get_message(first_id(sandbox))
        other.get_message(first_id(sandbox))
    assert (sum(sandbox.counters.logins.values()), sandbox.counters.revokes) == (1, 1)


def test_the_last_client_revokes_the_session(sandbox: Sandbox) -> None:
    one, other = connect(credentials_of(sandbox)), connect(credentials_of(sandbox))
    one.get_message(first_id(sandbox))
    one.close()
    assert sandbox.counters.revokes == 0
    other.get_message(first_id(sandbox))
    other.close()
    assert sandbox.counters.revokes == 1


def test_a_client_that_was_forgotten_revokes_its_session(sandbox: Sandbox) -> None:
    connect(credentials_of(sandbox)).get_message(first_id(sandbox))
    assert sandbox.counters.revokes == 1


def test_closing_twice_does_no_harm(sandbox: Sandbox) -> None:
    client = connect(credentials_of(sandbox))
    client.get_message(first_id(sandbox))
    client.close()
    client.close()
    assert sandbox.counters.revokes == 1


def test_a_failed_revocation_is_ignored(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox)
    client.get_message(first_id(sandbox))
    sandbox.faults.add(Fault.server_error(500), path="revoke")
    client.close()
    assert sandbox.faults.pending == 0


def test_a_token_is_renewed_shortly_before_it_expires(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(READY, clock=clock) as sandbox:
        client = make_client(sandbox)
        client.get_message(first_id(sandbox))
        clock.now += 3600 - 61
        client.get_message(first_id(sandbox))
        assert sandbox.counters.refreshes == 0
        clock.now += 2
        client.get_message(first_id(sandbox))
        assert sandbox.counters.refreshes == 1
        assert sandbox.counters.answers[401] == 0


def test_a_refresh_that_is_refused_becomes_a_login(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(replace(READY, refresh_token_ttl=60), clock=clock) as sandbox:
        client = make_client(sandbox)
        client.get_message(first_id(sandbox))
        clock.now += 3600
        client.get_message(first_id(sandbox))
        assert sum(sandbox.counters.logins.values()) == 2


def test_a_401_logs_in_once_and_repeats_the_request(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox)
    client.get_message(first_id(sandbox))
    sandbox.faults.add(Fault.unauthorized(), path="/messages")
    client.get_message(first_id(sandbox))
    assert sum(sandbox.counters.logins.values()) == 2


def test_threads_whose_token_was_refused_at_once_log_in_once(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox)
    client.get_message(first_id(sandbox))
    for _ in range(5):
        make_client(sandbox).get_message(first_id(sandbox))
    threads = [threading.Thread(target=client.get_message, args=(first_id(sandbox),)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert sum(sandbox.counters.logins.values()) == 1 + 5 + 1


def test_before_it_logs_in_again_it_waits_for_a_random_short_time(
    sandbox: Sandbox, make_client: MakeClient, clock: ManualClock
) -> None:
    sandbox.faults.add(Fault.unauthorized(), times=1, path="/messages")
    make_client(sandbox).get_message(first_id(sandbox))
    [waited] = clock.slept
    assert 0.5 <= waited <= 3


def test_a_session_ended_by_others_is_said_once_with_what_to_set(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(sandbox)
    for _ in range(4):
        sandbox.faults.add(Fault.unauthorized(), times=1, path="/messages")
        client.get_message(first_id(sandbox))
    [told] = [record for record in caplog.records if "ended this session" in record.getMessage()]
    assert (told.levelname, "shared_session: true" in told.getMessage(), "pool" in told.getMessage()) == (
        "WARNING", True, True,
    )  # fmt: skip


def test_a_token_that_expired_while_its_request_waited_is_refreshed_at_once_and_without_a_warning(
    clock: ManualClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    with Sandbox(replace(READY, light=1, quota_window=120, token_ttl=600), clock=clock) as sandbox:
        client = make_client(sandbox)
        client.get_message(first_id(sandbox))
        clock.now += 600 - 61
        client.get_message(first_id(sandbox))
        clock.now += 1 - 0.5
        client.get_message(first_id(sandbox))
        counters = sandbox.counters
        assert (sum(counters.logins.values()), counters.refreshes, counters.answers[401]) == (1, 1, 1)
    assert "Another login" not in caplog.text


def test_new_tokens_that_are_refused_three_times_are_an_error_about_sessions(
    sandbox: Sandbox, make_client: MakeClient, clock: ManualClock
) -> None:
    sandbox.faults.add(Fault.unauthorized(), times=None, path="/messages")
    with pytest.raises(SessionEnded, match="about five sessions.*shared_session: true"):
        make_client(sandbox).get_message(first_id(sandbox))
    assert sum(sandbox.counters.logins.values()) == 1 + 3
    assert sum(clock.slept) <= 3 + 6 + 12


def test_a_long_load_outlives_many_losses_of_its_session(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox)
    ids = []
    for number, message in enumerate(client.iter_messages(whole_history(sandbox), per_page=100)):
        ids.append(message.id)
        if number % 200 == 0:
            sandbox.faults.add(Fault.unauthorized(), times=2, path="/messages")
    assert len(set(ids)) == 3_000
    assert sandbox.counters.answers[401] == 30


def test_a_session_ended_by_a_sixth_login_is_made_up_for(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(READY, clock=clock) as sandbox:
        clients = [make_client(sandbox) for _ in range(6)]
        for client in clients:
            client.get_message(first_id(sandbox))
        assert sandbox.counters.ended_sessions == 1
        assert clients[0].get_message(first_id(sandbox)).id == first_id(sandbox)


def test_a_login_past_its_own_quota_waits(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(replace(READY, auth=1), clock=clock) as sandbox:
        make_client(sandbox).get_message(first_id(sandbox))
        make_client(sandbox).get_message(first_id(sandbox))
        assert sum(clock.slept) >= 60
        assert sandbox.counters.inside_penalty == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"client_secret": "wrong"}, "client secret"),
        ({"grant": JwtGrant("a.b.c")}, "jwt_token"),
        ({"grant": PasswordGrant("+15550100000", "101", "wrong")}, "user_password"),
    ],
)
def test_wrong_credentials_fail_at_once_and_say_which_field_to_mend(
    sandbox: Sandbox, make_client: MakeClient, clock: ManualClock, wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(LoginRefused, match=field):
        make_client(sandbox, **wrong).get_message("1")
    assert clock.slept == []


def test_a_way_to_log_in_that_the_app_may_not_use_is_said(make_client: MakeClient) -> None:
    with Sandbox(replace(READY, grants=frozenset({"password"}))) as sandbox:
        with pytest.raises(LoginRefused, match="may not use this way to log in"):
            make_client(sandbox).get_message("1")


def test_wrong_credentials_are_tried_once_however_many_threads_ask(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox, client_secret="wrong")
    refusals: list[LoginRefused] = []

    def work() -> None:
        try:
            client.get_message("1")
        except LoginRefused as error:
            refusals.append(error)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert (len(refusals), sandbox.counters.failed_logins) == (10, 1)


def test_no_secret_shows_in_errors_logs_or_representations(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = ["s3cret-client", "s3cret.j.wt", sandbox.settings.jwt]
    client = make_client(sandbox, client_secret=secrets[0], grant=JwtGrant(secrets[1]))
    with caplog.at_level(logging.DEBUG), pytest.raises(LoginRefused) as refusal:
        client.get_message("1")
    shown = caplog.text + str(refusal.value) + repr(credentials_of(sandbox)) + repr(JwtGrant(secrets[1]))
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        ("http://platform.ringcentral.com", "Plain http.*use https"),
        ("ftp://platform.ringcentral.com", "not a server"),
        ("https://platform.ringcentral.com/restapi", "has a path"),
        ("https://user@platform.ringcentral.com", "not a server"),
        ("https://", "not a server"),
        (" ", "server is missing"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused(server: str, complaint: str) -> None:
    with pytest.raises(InvalidSettings, match=complaint):
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
def test_a_server_may_be_given_short_and_http_is_for_loopback(server: str, address: str) -> None:
    assert Credentials(server, "id", "secret", JwtGrant("jwt")).server == address


@pytest.mark.parametrize(("field", "named"), [("client_id", "connection's login"), ("client_secret", "password")])
def test_a_missing_client_is_refused_and_the_field_named(field: str, named: str) -> None:
    parts = {"client_id": "id", "client_secret": "secret", field: ""}
    with pytest.raises(InvalidSettings, match=named):
        Credentials("https://platform.ringcentral.com", parts["client_id"], parts["client_secret"], JwtGrant("jwt"))


def test_a_secret_with_a_character_that_none_has_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="client secret holds a character"):
        Credentials("https://platform.ringcentral.com", "id", "secret…", JwtGrant("jwt"))


def test_a_password_in_the_server_is_not_shown() -> None:
    with pytest.raises(InvalidSettings) as refusal:
        Credentials("https://user:s3cret@platform.ringcentral.com", "id", "secret", JwtGrant("jwt"))
    assert "s3cret" not in str(refusal.value)


def test_the_whole_history_is_read_with_one_login(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox)
    assert len(list(client.iter_messages(whole_history(sandbox), per_page=100))) == 3_000
    assert sum(sandbox.counters.logins.values()) == 1


def test_a_fingerprint_tells_users_apps_and_servers_apart_and_shows_no_secret() -> None:
    one = Credentials("https://platform.ringcentral.com", "id", "s3cret", JwtGrant("jwt"))
    others = [
        replace(one, server="https://platform.devtest.ringcentral.com"),
        replace(one, client_id="other"),
        replace(one, grant=JwtGrant("other")),
        replace(one, grant=PasswordGrant("+15550100000", "101", "pa55")),
        replace(one, grant=PasswordGrant("+15550100000", "102", "pa55")),
    ]
    assert len({credentials.fingerprint for credentials in (one, *others)}) == 6
    assert replace(one, client_secret="mended").fingerprint == one.fingerprint
