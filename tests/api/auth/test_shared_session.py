"""Processes share one session through a token store."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_hvsms.api.auth.oauth import Token
from airflow_provider_hvsms.api.auth.session import Session
from airflow_provider_hvsms.api.auth.shared_session import Lease, TokenRecord, TokenStore
from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import LoginRefused, TokenStoreUnavailable
from airflow_provider_hvsms.api.quota.quota import Quota
from airflow_provider_hvsms.api.transport import Transport
from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from tests.api.conftest import credentials_of, whole_history
from tests.api.quota.shared_clock import SharedClock
from tests.support.clock import ManualClock

MakeTask = Callable[..., MessageStoreClient]

READY = Settings(messages=100, days=1, light=10_000, auth=1_000)


@dataclasses.dataclass(frozen=True)
class FileTokenStore:
    """A token store in a file, which each write replaces."""

    path: Path

    def read(self) -> TokenRecord:
        return TokenRecord.from_json(self.path.read_text()) if self.path.exists() else TokenRecord()

    def write(self, record: TokenRecord) -> None:
        draft = self.path.with_name(f"{self.path.name}-{threading.get_ident()}")
        draft.write_text(record.to_json())
        draft.replace(self.path)


@dataclasses.dataclass(frozen=True)
class SlowTokenStore(FileTokenStore):
    """A token store so slow that several tasks find it empty before the first of them has written."""

    time: SharedClock

    def read(self) -> TokenRecord:
        record = super().read()
        self.time.sleep(0.2)
        return record

    def write(self, record: TokenRecord) -> None:
        self.time.sleep(0.2)
        super().write(record)


@dataclasses.dataclass(frozen=True)
class ReadOnlyTokenStore(FileTokenStore):
    """A token store that cannot be written, as a secrets backend."""

    def write(self, record: TokenRecord) -> None:
        raise TokenStoreUnavailable("it is read only")


@dataclasses.dataclass(frozen=True)
class ForgetfulTokenStore(FileTokenStore):
    """A token store that loses writes, as a Variable that an environment variable overrides."""

    def write(self, record: TokenRecord) -> None:
        pass


class Killed(BaseException):
    """Ends a task like the end of its process: no code of the package catches it."""


@dataclasses.dataclass(frozen=True)
class DeadlyTokenStore(FileTokenStore):
    """A token store that kills the task after its first write."""

    def write(self, record: TokenRecord) -> None:
        super().write(record)
        raise Killed


@dataclasses.dataclass(frozen=True)
class LeasedTokenStore(FileTokenStore):
    """A token store in which one task after the other acquires the lease and is killed."""

    fingerprint: str
    clock: ManualClock

    def read(self) -> TokenRecord:
        return TokenRecord(self.fingerprint, lease=Lease("the next task", self.clock.now + 100))


@pytest.fixture
def store(tmp_path: Path) -> FileTokenStore:
    return FileTokenStore(tmp_path / "token.json")


@pytest.fixture
def make_task(clock: ManualClock) -> Iterator[MakeTask]:
    """Makes clients as tasks in processes of their own have them: each with its own session and quota."""
    made: list[MessageStoreClient] = []

    def make(
        sandbox: Sandbox,
        store: TokenStore | None,
        *,
        client_secret: str = "sandbox-secret",
        shared: SharedClock | None = None,
    ) -> MessageStoreClient:
        credentials = replace(credentials_of(sandbox), client_secret=client_secret)
        quota = Quota(clock=clock, sleep=clock.sleep)
        transport = Transport(credentials.server, quota=quota, sleep=clock.sleep)
        time = shared or clock
        session = Session(credentials, transport, token_store=store, clock=time, sleep=time.sleep)
        made.append(MessageStoreClient(Transport(credentials.server, quota=quota, sleep=clock.sleep), session))
        return made[-1]

    yield make
    for client in made:
        client.close()


def read_one(sandbox: Sandbox, task: MessageStoreClient) -> None:
    task.get_message(str(sandbox.store.messages[0].id))


def logins(sandbox: Sandbox) -> int:
    return sum(sandbox.counters.logins.values())


def load_all(sandbox: Sandbox, task: MessageStoreClient) -> int:
    return len(list(task.iter_messages(whole_history(sandbox), per_page=10)))


def all_at_once(sandbox: Sandbox, tasks: list[MessageStoreClient]) -> list[int]:
    """Read the whole history with every task at once, and return how many messages each read."""
    counts: list[int] = []

    def load(task: MessageStoreClient) -> None:
        counts.append(load_all(sandbox, task))

    threads = [threading.Thread(target=load, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return counts


def test_a_task_uses_the_session_of_an_earlier_task(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask
) -> None:
    for _ in range(8):
        task = make_task(sandbox, store)
        read_one(sandbox, task)
        task.close()
    assert (logins(sandbox), sandbox.counters.revokes, sandbox.counters.answers[401]) == (1, 0, 0)


def test_tasks_that_start_at_once_log_in_once(store: FileTokenStore, make_task: MakeTask) -> None:
    time = SharedClock()
    slow = SlowTokenStore(store.path, time)
    with Sandbox(replace(READY, max_sessions=5)) as sandbox:
        tasks = [make_task(sandbox, slow, shared=time) for _ in range(8)]
        counts: list[int] = []
        time.run([lambda task=task: counts.append(load_all(sandbox, task)) for task in tasks])  # type: ignore[misc]  # mypy knows no such default
        assert counts == [100] * 8
        assert (logins(sandbox), sandbox.counters.answers[401]) == (1, 0)


def test_tasks_without_a_token_store_complete_too(make_task: MakeTask) -> None:
    with Sandbox(replace(READY, max_sessions=5)) as sandbox:
        counts = all_at_once(sandbox, [make_task(sandbox, None) for _ in range(7)])
        assert counts == [100] * 7
        assert logins(sandbox) >= 7


def test_a_token_is_refreshed_once_for_all_tasks(
    clock: ManualClock, store: FileTokenStore, make_task: MakeTask
) -> None:
    with Sandbox(READY, clock=clock) as sandbox:
        tasks = [make_task(sandbox, store) for _ in range(4)]
        for _ in range(3):
            for task in tasks:
                read_one(sandbox, task)
            clock.now += 3600 - 30
        counters = sandbox.counters
        assert (logins(sandbox), counters.refreshes, counters.answers[401]) == (1, 2, 0)


def test_a_task_whose_token_another_task_refreshed_finds_the_new_one(
    clock: ManualClock, store: FileTokenStore, make_task: MakeTask, caplog: pytest.LogCaptureFixture
) -> None:
    with Sandbox(READY, clock=clock) as sandbox:
        ahead, behind = make_task(sandbox, store), make_task(sandbox, store)
        read_one(sandbox, behind)
        token = store.read().token
        assert token is not None
        store.write(replace(store.read(), token=replace(token, renew_at=clock.now)))
        read_one(sandbox, ahead)
        read_one(sandbox, behind)
        counters = sandbox.counters
        assert (logins(sandbox), counters.refreshes, counters.answers[401]) == (1, 1, 1)
    assert "Another login" not in caplog.text


def test_a_session_ended_by_another_program_is_replaced_once_for_all_tasks(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = [make_task(sandbox, store) for _ in range(4)]
    for task in tasks:
        read_one(sandbox, task)
    for _ in range(5):
        read_one(sandbox, make_task(sandbox, None))
    for task in tasks:
        read_one(sandbox, task)
    assert logins(sandbox) == 1 + 5 + 1
    assert caplog.text.count("shared_session is set, so these are logins of other programs") == 1


def test_after_an_expired_refresh_token_a_task_logs_in(
    clock: ManualClock, store: FileTokenStore, make_task: MakeTask
) -> None:
    with Sandbox(replace(READY, refresh_token_ttl=60), clock=clock) as sandbox:
        read_one(sandbox, make_task(sandbox, store))
        clock.now += 7200
        read_one(sandbox, make_task(sandbox, store))
        assert logins(sandbox) == 2


def test_a_token_of_other_credentials_is_ignored(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    store.write(TokenRecord("another user's", Token("their token", None, clock.now + 3000, clock.now + 3060)))
    read_one(sandbox, make_task(sandbox, store))
    assert (logins(sandbox), sandbox.counters.answers[401]) == (1, 0)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "gibberish", '{"token": {"access_token": 1}}', '"\\ud800"'])
def test_an_unreadable_record_is_replaced(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, text: str
) -> None:
    store.path.write_text(text)
    read_one(sandbox, make_task(sandbox, store))
    read_one(sandbox, make_task(sandbox, store))
    assert logins(sandbox) == 1


def test_the_lease_of_a_killed_task_expires_after_three_minutes(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    with pytest.raises(Killed):
        read_one(sandbox, make_task(sandbox, DeadlyTokenStore(store.path)))
    died = clock.now
    read_one(sandbox, make_task(sandbox, store))
    assert 180 <= clock.now - died <= 185
    assert logins(sandbox) == 1


def test_a_task_logs_in_without_a_lease_after_ten_minutes(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    read_one(sandbox, make_task(sandbox, LeasedTokenStore(store.path, credentials_of(sandbox).fingerprint, clock)))
    assert 600 <= sum(clock.slept) <= 605
    assert logins(sandbox) == 1


def test_a_lease_from_a_clock_that_is_far_ahead_is_ignored(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    store.write(
        TokenRecord(credentials_of(sandbox).fingerprint, lease=Lease("a task whose clock is ahead", clock.now + 86_400))
    )
    read_one(sandbox, make_task(sandbox, store))
    assert sum(clock.slept) <= 5


def test_a_refused_login_releases_the_lease(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    with pytest.raises(LoginRefused):
        read_one(sandbox, make_task(sandbox, store, client_secret="wrong"))
    read_one(sandbox, make_task(sandbox, store))
    assert sum(clock.slept) <= 5


@pytest.mark.parametrize("kind", [ReadOnlyTokenStore, ForgetfulTokenStore])
def test_without_a_writable_token_store_a_task_has_its_own_session(
    sandbox: Sandbox,
    tmp_path: Path,
    make_task: MakeTask,
    kind: type[FileTokenStore],
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = make_task(sandbox, kind(tmp_path / "token.json"))
    read_one(sandbox, task)
    sandbox.faults.add(Fault.unauthorized(), path="/messages")
    read_one(sandbox, task)
    task.close()
    assert (logins(sandbox), sandbox.counters.revokes) == (2, 1)
    assert caplog.text.count("cannot be shared") == 1


def test_the_token_of_a_read_only_token_store_is_used(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask
) -> None:
    read_one(sandbox, make_task(sandbox, store))
    read_one(sandbox, make_task(sandbox, ReadOnlyTokenStore(store.path)))
    assert (logins(sandbox), sandbox.counters.revokes) == (1, 0)


def test_logs_and_representations_show_no_token(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        read_one(sandbox, make_task(sandbox, store))
    record = store.read()
    assert record.token is not None
    assert record.token.access_token not in caplog.text + repr(record)
    assert sandbox.settings.jwt not in store.path.read_text()
