"""A process that is forked while requests are in flight can read."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from operator import attrgetter

import pytest

from airflow_provider_hvsms.api.client import MessageStoreClient, connect
from airflow_provider_hvsms.api.quota.quota import UsageGroup
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from tests.api.conftest import credentials_of
from tests.support.waiting import wait_for

TIMEOUT = 20


def succeeds_in_a_fork(work: Callable[[], object]) -> bool:
    """Call `work` in a forked process, which is killed if it hangs, and return whether it raised nothing."""
    child = os.fork()
    if child == 0:
        signal.alarm(TIMEOUT)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def read_one(sandbox: Sandbox, client: MessageStoreClient) -> None:
    client.get_message(str(sandbox.store.messages[0].id))


def read_with_two_clients(sandbox: Sandbox, client: MessageStoreClient) -> None:
    read_one(sandbox, client)
    with connect(credentials_of(sandbox)) as another:
        read_one(sandbox, another)


def test_a_child_forked_while_a_request_is_in_flight_can_read(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as client:
        read_one(sandbox, client)
        sandbox.faults.add(Fault.slow(2), path="/messages")
        in_flight = threading.Thread(target=read_one, args=(sandbox, client))
        in_flight.start()
        wait_for(lambda: not sandbox.faults.pending)
        assert succeeds_in_a_fork(lambda: read_one(sandbox, client))
        in_flight.join()


@pytest.mark.parametrize(
    "lock",
    [
        "_account._session._token_lock",
        "_account._session._clients_lock",
        "_account._session._transport._counting",
        "_transport._counting",
        "_transport._quota._changed",
    ],
)
def test_a_child_forked_while_another_thread_holds_a_lock_can_read(sandbox: Sandbox, lock: str) -> None:
    held, may_continue = threading.Event(), threading.Event()

    def hold() -> None:
        with attrgetter(lock)(client):
            held.set()
            may_continue.wait()

    with connect(credentials_of(sandbox)) as client:
        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        try:
            assert succeeds_in_a_fork(lambda: read_with_two_clients(sandbox, client))
        finally:
            may_continue.set()
            holder.join()


def test_a_child_forked_while_a_thread_logs_in_can_read(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as client:
        sandbox.faults.add(Fault.slow(2), path="/token")
        in_flight = threading.Thread(target=read_one, args=(sandbox, client))
        in_flight.start()
        wait_for(lambda: not sandbox.faults.pending)
        assert succeeds_in_a_fork(lambda: read_one(sandbox, client))
        in_flight.join()


def test_a_child_does_not_revoke_the_session_of_its_parent(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as client:
        read_one(sandbox, client)
        assert succeeds_in_a_fork(client.close)
        read_one(sandbox, client)
        assert (sum(sandbox.counters.logins.values()), sandbox.counters.revokes) == (1, 0)


def test_a_penalty_also_applies_in_a_child(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as client:
        quota = client._transport._quota
        with quota.permit(UsageGroup.LIGHT) as permit:
            permit.answered(429, {"Retry-After": "60"})
        assert not succeeds_in_a_fork(lambda: os._exit(0 if quota.has_room(UsageGroup.LIGHT) else 1))
