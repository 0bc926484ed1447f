"""Programs that know nothing of each other use one session, by way of a store that all can read and write."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_hvsms.api.auth.session import Login
from airflow_provider_hvsms.api.auth.shared_session import Lease, Session, TokenRecord, TokenStore
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
    """A store in a file, which is replaced as a whole."""

    path: Path

    def read(self) -> TokenRecord:
        return TokenRecord.from_text(self.path.read_text()) if self.path.exists() else TokenRecord()

    def write(self, kept: TokenRecord) -> None:
        draft = self.path.with_name(f"{self.path.name}-{threading.get_ident()}")
        draft.write_text(kept.as_text())
        draft.replace(self.path)


@dataclasses.dataclass(frozen=True)
class SlowTokenStore(FileTokenStore):
    """A store that takes so long that several tasks find it empty before the first of them has written."""

    time: SharedClock

    def read(self) -> TokenRecord:
        kept = super().read()
        self.time.sleep(0.2)
        return kept

    def write(self, kept: TokenRecord) -> None:
        self.time.sleep(0.2)
        super().write(kept)


@dataclasses.dataclass(frozen=True)
class ReadOnlyTokenStore(FileTokenStore):
    """A store that holds what somebody else put there, as a secrets backend does."""

    def write(self, kept: TokenRecord) -> None:
        raise TokenStoreUnavailable("it is read only")


@dataclasses.dataclass(frozen=True)
class ForgetfulTokenStore(FileTokenStore):
    """A store that takes what is written and shows something else, as a Variable that the environment holds too."""

    def write(self, kept: TokenRecord) -> None:
        pass


class Killed(BaseException):
    """Stands for a process's end: no code of ours catches it."""


@dataclasses.dataclass(frozen=True)
class DeadlyTokenStore(FileTokenStore):
    """A store whose user is killed right after it has written."""

    def write(self, kept: TokenRecord) -> None:
        super().write(kept)
        raise Killed


@dataclasses.dataclass(frozen=True)
class ClaimedTokenStore(FileTokenStore):
    """A store in which one task after the other claims the login and dies."""

    fingerprint: str
    clock: ManualClock

    def read(self) -> TokenRecord:
        return TokenRecord(self.fingerprint, claim=Lease("the next one", self.clock.now + 100))


@pytest.fixture
def store(tmp_path: Path) -> FileTokenStore:
    return FileTokenStore(tmp_path / "token.json")


@pytest.fixture
def make_task(clock: ManualClock) -> Iterator[MakeTask]:
    """Makes what a task has in its own process: a client with a login and a quota of its own."""
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
        login = Login(credentials, transport, store=store, clock=time, sleep=time.sleep)
        made.append(MessageStoreClient(Transport(credentials.server, quota=quota, sleep=clock.sleep), login))
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
    """Let every task read the whole history at the same time; how many messages each one got."""
    counts: list[int] = []

    def load(task: MessageStoreClient) -> None:
        counts.append(load_all(sandbox, task))

    threads = [threading.Thread(target=load, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return counts


def test_a_task_uses_the_session_that_an_earlier_one_left(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask
) -> None:
    for _ in range(8):
        task = make_task(sandbox, store)
        read_one(sandbox, task)
        task.close()
    assert (logins(sandbox), sandbox.counters.revokes, sandbox.counters.answers[401]) == (1, 0, 0)


def test_tasks_that_begin_at_once_log_in_once(store: FileTokenStore, make_task: MakeTask) -> None:
    time = SharedClock()
    slow = SlowTokenStore(store.path, time)
    with Sandbox(replace(READY, max_sessions=5)) as sandbox:
        tasks = [make_task(sandbox, slow, shared=time) for _ in range(8)]
        counts: list[int] = []
        time.run([lambda task=task: counts.append(load_all(sandbox, task)) for task in tasks])  # type: ignore[misc]  # mypy knows no such default
        assert counts == [100] * 8
        assert (logins(sandbox), sandbox.counters.answers[401]) == (1, 0)


def test_tasks_that_share_nothing_load_all_the_same(make_task: MakeTask) -> None:
    with Sandbox(replace(READY, max_sessions=5)) as sandbox:
        counts = all_at_once(sandbox, [make_task(sandbox, None) for _ in range(7)])
        assert counts == [100] * 7
        assert logins(sandbox) >= 7


def test_a_session_is_renewed_once_for_all_and_nobody_logs_in(
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


def test_a_task_whose_session_another_one_renewed_finds_the_new_one_and_does_not_log_in(
    clock: ManualClock, store: FileTokenStore, make_task: MakeTask, caplog: pytest.LogCaptureFixture
) -> None:
    with Sandbox(READY, clock=clock) as sandbox:
        ahead, behind = make_task(sandbox, store), make_task(sandbox, store)
        read_one(sandbox, behind)
        session = store.read().session
        assert session is not None
        store.write(replace(store.read(), session=replace(session, renew_at=clock.now)))
        read_one(sandbox, ahead)
        read_one(sandbox, behind)
        counters = sandbox.counters
        assert (logins(sandbox), counters.refreshes, counters.answers[401]) == (1, 1, 1)
    assert "Another login" not in caplog.text


def test_a_session_that_another_program_ended_is_replaced_once_for_all(
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
    assert caplog.text.count("shared_session is set, so these are other programs' logins") == 1


def test_a_refresh_token_that_is_used_up_leads_to_a_login(
    clock: ManualClock, store: FileTokenStore, make_task: MakeTask
) -> None:
    with Sandbox(replace(READY, refresh_token_ttl=60), clock=clock) as sandbox:
        read_one(sandbox, make_task(sandbox, store))
        clock.now += 7200
        read_one(sandbox, make_task(sandbox, store))
        assert logins(sandbox) == 2


def test_a_session_of_other_credentials_is_not_used(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    store.write(TokenRecord("another user's", Session("their token", None, clock.now + 3000, clock.now + 3060)))
    read_one(sandbox, make_task(sandbox, store))
    assert (logins(sandbox), sandbox.counters.answers[401]) == (1, 0)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "gibberish", '{"session": {"access_token": 1}}', '"\\ud800"'])
def test_what_cannot_be_read_counts_as_nothing_and_is_replaced(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, text: str
) -> None:
    store.path.write_text(text)
    read_one(sandbox, make_task(sandbox, store))
    read_one(sandbox, make_task(sandbox, store))
    assert logins(sandbox) == 1


def test_a_task_that_died_while_it_logged_in_holds_the_others_up_for_three_minutes(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    with pytest.raises(Killed):
        read_one(sandbox, make_task(sandbox, DeadlyTokenStore(store.path)))
    died = clock.now
    read_one(sandbox, make_task(sandbox, store))
    assert 180 <= clock.now - died <= 185
    assert logins(sandbox) == 1


def test_claims_without_end_hold_a_task_up_for_ten_minutes(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    read_one(sandbox, make_task(sandbox, ClaimedTokenStore(store.path, credentials_of(sandbox).fingerprint, clock)))
    assert 600 <= sum(clock.slept) <= 605
    assert logins(sandbox) == 1


def test_a_claim_from_a_clock_that_is_wrong_holds_nobody_up(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    store.write(
        TokenRecord(credentials_of(sandbox).fingerprint, claim=Lease("somebody from the future", clock.now + 86_400))
    )
    read_one(sandbox, make_task(sandbox, store))
    assert sum(clock.slept) <= 5


def test_a_refused_login_leaves_no_claim_behind(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, clock: ManualClock
) -> None:
    with pytest.raises(LoginRefused):
        read_one(sandbox, make_task(sandbox, store, client_secret="wrong"))
    read_one(sandbox, make_task(sandbox, store))
    assert sum(clock.slept) <= 5


@pytest.mark.parametrize("kind", [ReadOnlyTokenStore, ForgetfulTokenStore])
def test_with_a_store_that_cannot_be_written_a_task_has_its_own_session_and_says_so_once(
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


def test_a_store_that_can_only_be_read_still_gives_its_session(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask
) -> None:
    read_one(sandbox, make_task(sandbox, store))
    read_one(sandbox, make_task(sandbox, ReadOnlyTokenStore(store.path)))
    assert (logins(sandbox), sandbox.counters.revokes) == (1, 0)


def test_no_token_shows_in_logs_or_representations(
    sandbox: Sandbox, store: FileTokenStore, make_task: MakeTask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        read_one(sandbox, make_task(sandbox, store))
    kept = store.read()
    assert kept.session is not None
    assert kept.session.access_token not in caplog.text + repr(kept)
    assert sandbox.settings.jwt not in store.path.read_text()
