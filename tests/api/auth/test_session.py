"""One login for all threads, renewed in time, revoked at the end."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest

from airflow_provider_hvsms.api.auth.credentials import JwtGrant, PasswordGrant
from airflow_provider_hvsms.api.client import connect
from airflow_provider_hvsms.api.errors import LoginRefused, SessionEnded
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


def test_a_client_that_is_garbage_collected_revokes_its_session(sandbox: Sandbox) -> None:
    connect(credentials_of(sandbox)).get_message(first_id(sandbox))
    assert sandbox.counters.revokes == 1


def test_a_client_can_be_closed_twice(sandbox: Sandbox) -> None:
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


def test_after_a_refused_refresh_the_client_logs_in(clock: ManualClock, make_client: MakeClient) -> None:
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


def test_threads_with_the_same_rejected_token_log_in_once(sandbox: Sandbox, make_client: MakeClient) -> None:
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


def test_a_login_after_a_rejected_token_is_delayed_at_random(
    sandbox: Sandbox, make_client: MakeClient, clock: ManualClock
) -> None:
    sandbox.faults.add(Fault.unauthorized(), times=1, path="/messages")
    make_client(sandbox).get_message(first_id(sandbox))
    [waited] = clock.slept
    assert 0.5 <= waited <= 3


def test_a_session_ended_by_another_login_is_logged_once_with_the_remedy(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(sandbox)
    for _ in range(4):
        sandbox.faults.add(Fault.unauthorized(), times=1, path="/messages")
        client.get_message(first_id(sandbox))
    [logged] = [record for record in caplog.records if "ended this session" in record.getMessage()]
    assert (logged.levelname, "shared_session: true" in logged.getMessage(), "pool" in logged.getMessage()) == (
        "WARNING", True, True,
    )  # fmt: skip


def test_a_token_that_expired_while_its_request_waited_is_refreshed_without_a_warning(
    clock: ManualClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    with Sandbox(replace(READY, light=1, window=120, token_ttl=600), clock=clock) as sandbox:
        client = make_client(sandbox)
        client.get_message(first_id(sandbox))
        clock.now += 600 - 61
        client.get_message(first_id(sandbox))
        clock.now += 1 - 0.5
        client.get_message(first_id(sandbox))
        counters = sandbox.counters
        assert (sum(counters.logins.values()), counters.refreshes, counters.answers[401]) == (1, 1, 1)
    assert "Another login" not in caplog.text


def test_three_rejected_new_tokens_are_an_error_about_sessions(
    sandbox: Sandbox, make_client: MakeClient, clock: ManualClock
) -> None:
    sandbox.faults.add(Fault.unauthorized(), times=None, path="/messages")
    with pytest.raises(SessionEnded, match="about five sessions.*shared_session: true"):
        make_client(sandbox).get_message(first_id(sandbox))
    assert sum(sandbox.counters.logins.values()) == 1 + 3
    assert sum(clock.slept) <= 3 + 6 + 12


def test_a_long_load_survives_many_ended_sessions(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox)
    ids = []
    for number, message in enumerate(client.iter_messages(whole_history(sandbox), per_page=100)):
        ids.append(message.id)
        if number % 200 == 0:
            sandbox.faults.add(Fault.unauthorized(), times=2, path="/messages")
    assert len(set(ids)) == 3_000
    assert sandbox.counters.answers[401] == 30


def test_a_session_ended_by_a_sixth_login_is_replaced(clock: ManualClock, make_client: MakeClient) -> None:
    with Sandbox(READY, clock=clock) as sandbox:
        clients = [make_client(sandbox) for _ in range(6)]
        for client in clients:
            client.get_message(first_id(sandbox))
        assert sandbox.counters.ended_sessions == 1
        assert clients[0].get_message(first_id(sandbox)).id == first_id(sandbox)


def test_a_login_waits_for_the_quota_of_logins(clock: ManualClock, make_client: MakeClient) -> None:
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
def test_an_error_about_wrong_credentials_names_the_field(
    sandbox: Sandbox, make_client: MakeClient, clock: ManualClock, wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(LoginRefused, match=field):
        make_client(sandbox, **wrong).get_message("1")
    assert clock.slept == []


def test_a_grant_that_the_app_may_not_use_is_reported(make_client: MakeClient) -> None:
    with Sandbox(replace(READY, grants=frozenset({"password"}))) as sandbox:
        with pytest.raises(LoginRefused, match="may not use this grant"):
            make_client(sandbox).get_message("1")


def test_many_threads_try_wrong_credentials_once(sandbox: Sandbox, make_client: MakeClient) -> None:
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


def test_errors_logs_and_representations_show_no_secret(
    sandbox: Sandbox, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = ["s3cret-client", "s3cret.j.wt", sandbox.settings.jwt]
    client = make_client(sandbox, client_secret=secrets[0], grant=JwtGrant(secrets[1]))
    with caplog.at_level(logging.DEBUG), pytest.raises(LoginRefused) as refusal:
        client.get_message("1")
    shown = caplog.text + str(refusal.value) + repr(credentials_of(sandbox)) + repr(JwtGrant(secrets[1]))
    assert not [secret for secret in secrets if secret in shown]


def test_the_whole_history_is_read_with_one_login(sandbox: Sandbox, make_client: MakeClient) -> None:
    client = make_client(sandbox)
    assert len(list(client.iter_messages(whole_history(sandbox), per_page=100))) == 3_000
    assert sum(sandbox.counters.logins.values()) == 1
