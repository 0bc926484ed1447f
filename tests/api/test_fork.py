"""A process that is forked while requests are under way can read for itself."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from airflow_provider_hvsms.api.client import MessageStoreClient, connect
from airflow_provider_hvsms.api.quota.quota import UsageGroup
from airflow_provider_hvsms.sandbox import Fault, Sandbox
from tests.api.conftest import credentials_of

SECONDS = 20


def succeeds_in_a_fork(work: Callable[[], object]) -> bool:
    """Run something in a forked process, which is killed if it hangs."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def read_one(sandbox: Sandbox, client: MessageStoreClient) -> None:
    client.get_message(str(sandbox.store.messages[0].id))


def test_a_fork_while_a_request_is_under_way_leaves_the_child_free_to_read(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as client:
        read_one(sandbox, client)
        sandbox.faults.add(Fault.slow(2), path="/messages")
        under_way = threading.Thread(target=read_one, args=(sandbox, client))
        under_way.start()
        while sandbox.faults.pending:
            pass
        assert succeeds_in_a_fork(lambda: read_one(sandbox, client))
        under_way.join()


def test_a_fork_while_another_thread_holds_the_locks_leaves_the_child_free_to_read(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as client:
        with client._login._renewing, client._login._counting, client._transport._quota._changed:
            assert succeeds_in_a_fork(lambda: read_one(sandbox, client))


def test_a_forked_process_leaves_the_session_of_its_parent_alone(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as client:
        read_one(sandbox, client)
        assert succeeds_in_a_fork(client.close)
        read_one(sandbox, client)
        assert (sum(sandbox.counters.logins.values()), sandbox.counters.revokes) == (1, 0)


def test_a_penalty_holds_for_forked_processes_too(sandbox: Sandbox) -> None:
    with connect(credentials_of(sandbox)) as client:
        quota = client._transport._quota
        with quota.permit(UsageGroup.LIGHT) as permit:
            permit.answered(429, {"Retry-After": "60"})
        assert not succeeds_in_a_fork(lambda: os._exit(0 if quota.has_room(UsageGroup.LIGHT) else 1))
