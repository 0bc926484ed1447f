"""A ledger in the state of the task itself, which Airflow keeps since version 3.3."""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from airflow_provider_hvsms.api.errors import InvalidRequest, LedgerConflict, LedgerUnavailable, SendingRefused
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.campaigns.ledger import EntryState, LedgerEntry, RunKey
from airflow_provider_hvsms.campaigns.resolving import RESOLVE_KEY, decisions

ResultT = TypeVar("ResultT")

MAX_CHANGE_TIME = 4.0
"""Seconds within which a change has to be read and written. It takes 0.1 s as a rule, and longer if a request to
Airflow's API server is repeated."""

SETTLING_TIME = 5.0
"""Seconds after which a change is read back: longer than any change may take, with room for clocks that differ."""

_NEVER_EXPIRE = timedelta.max
"""The value of `airflow.sdk.NEVER_EXPIRE`, which is compared by identity."""

_BEGUN = "hvsms_begun"
"""The key that is there from the first try on."""

_FACTS = (EntryState.CREATED, EntryState.RECORDED)
"""States after which nothing is sent, whichever try wrote them: they are not waited for."""


class TaskStateStore(Protocol):
    """What a ledger needs of `context["task_state_store"]`."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key."""

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Write or overwrite the value of a key."""

    def delete(self, key: str) -> None:
        """Remove a key, if it exists."""


class TaskStateLedger:
    """Keeps the entries of one run of a task under keys `hvsms_part_<number>` of its state, which never expire.

    Other tries of the task see the same state, other tasks and runs do not. Airflow has no compare-and-set for it, so
    that mutual exclusion is built on reading and writing (Fischer's algorithm): a try that reads the revision to
    replace writes a random id with the entry, within `MAX_CHANGE_TIME`, waits for `SETTLING_TIME`, and has succeeded if
    the id is still there. All that read the same revision have written by then, and the last one stays. A change to
    `CREATED` or `RECORDED` does not wait, so that a part of a campaign waits once.

    Parts are added in order, and are read from 1 until one is missing.

    :param store: `context["task_state_store"]` of the running task.
    :param clock: seconds of a clock that counts while the machine sleeps.
    :param sleep: waits for seconds.

    Example::

        ledger = TaskStateLedger(context["task_state_store"])
    """

    def __init__(
        self,
        store: TaskStateStore,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._clock = clock or _seconds_since_boot
        self._sleep = sleep

    def begin(self, try_number: int) -> None:
        """Note that the first try began. A later try checks that it is noted, as Airflow may have discarded the state.

        :param try_number: of the task, from 1; clearing a task does not restart it.
        :raises SendingRefused: earlier tries noted nothing, or what they noted is gone.
        """
        if self._call("read", lambda: self._store.get(_BEGUN)) is not None:
            return
        if try_number > 1:
            raise SendingRefused(
                f"The task's state in Airflow, which is the ledger, is empty at try {try_number}. Either Airflow "
                "discarded it when the task was cleared, or each earlier try ended before it could begin. Nothing is "
                "sent by this try, as everything may have been sent. If the account has no batch of this run, trigger "
                "a new run. A ledger in a database (ledger_conn_id) is never discarded."
            )
        self._call("written", lambda: self._store.set(_BEGUN, True, retention=_NEVER_EXPIRE))

    def entries(self, run: RunKey) -> dict[int, LedgerEntry]:
        """Read part after part, from 1 until one is missing.

        :raises SendingRefused: the state holds something else under the key of an entry.
        """
        found: dict[int, LedgerEntry] = {}
        while (value := self._read(len(found) + 1)) is not None:
            part = len(found) + 1
            found[part] = _to_entry(value, run, part)
        return found

    def add(self, entry: LedgerEntry) -> None:
        """Add the first entry of a part, after those of the parts before it.

        :raises LedgerConflict: another process has added one.
        :raises InvalidRequest: the part before this one has no entry.
        """
        if entry.part > 1 and self._read(entry.part - 1) is None:
            raise InvalidRequest(
                f"Part {entry.part} cannot be added to the state of task {entry.run.task_id!r}, as part "
                f"{entry.part - 1} has no entry. Parts are added in order; a missing entry was deleted by hand. "
                "Nothing was sent."
            )
        self._change(entry, None)

    def replace(self, entry: LedgerEntry) -> None:
        self._change(entry, entry.revision - 1)

    def how_to_resolve(self, entry: LedgerEntry) -> str:
        created, not_created = decisions(entry, with_run=False)
        run = entry.run
        ids = [quote(name, safe="") for name in (run.dag_id, run.run_id, run.task_id)]
        path = "/api/v2/dags/{}/dagRuns/{}/taskInstances/{}/state-store/".format(*ids) + RESOLVE_KEY
        if run.map_index >= 0:
            path += f"?map_index={run.map_index}"
        return (
            f"To decide, set the key {RESOLVE_KEY} of this task's state in Airflow: in the tab Task State Store of the "
            f'task instance, or by REST with PUT {path} and the body {{"value": <decision>}}. If the batch was '
            f"created, the decision is {created}. If it was not, it is {not_created}. Then clear the task "
            f"{run.task_id!r} of the run {run.run_id!r}."
        )

    def decision(self) -> Mapping[str, Any] | None:
        """What a person decided, if anything: the value of the key `hvsms_resolve`.

        :raises InvalidRequest: it is not a JSON object.
        """
        value = self._call("read", lambda: self._store.get(RESOLVE_KEY))
        if isinstance(value, str):  # of a form, or of a client that encoded it twice
            with suppress(ValueError):
                value = json.loads(value)
        if value is None or isinstance(value, Mapping):
            return value
        raise InvalidRequest(
            f"The key {RESOLVE_KEY} of the task's state is a {type(value).__name__}; it must be a JSON object, such as "
            '{"part": 1, "not_created": true}. Nothing was sent. Set it again and clear the task.'
        )

    def remove_decision(self) -> None:
        """Remove the decision once it is noted in its entry, so that it does not count for a later request, too."""
        self._call("written", lambda: self._store.delete(RESOLVE_KEY))

    def _change(self, entry: LedgerEntry, revision: int | None) -> None:
        """Write an entry if the one that it replaces is still there.

        :param revision: that of the entry to replace; `None`: there must be none.
        """
        writer = uuid.uuid4().hex
        started = self._clock()
        current = self._read(entry.part)
        found = None if current is None else _to_entry(current, entry.run, entry.part).revision
        if found != revision:
            raise _conflict(entry)
        value = _to_value(entry, writer)
        self._call("written", lambda: self._store.set(_key(entry.part), value, retention=_NEVER_EXPIRE))
        if self._clock() - started > MAX_CHANGE_TIME:
            raise LedgerUnavailable(
                f"A change of part {entry.part} in the state of task {entry.run.task_id!r} took more than "
                f"{MAX_CHANGE_TIME:g} s, so that another try may have changed it too. Nothing is sent on the strength "
                "of it; the next try looks at what is there. Look at the load of Airflow's API server."
            )
        if entry.state not in _FACTS:
            self._sleep(SETTLING_TIME)
        settled = self._read(entry.part)
        if settled != value:
            raise _conflict(entry)

    def _read(self, part: int) -> Any:
        return self._call("read", lambda: self._store.get(_key(part)))

    def _call(self, done: str, call: Callable[[], ResultT]) -> ResultT:
        try:
            return call()
        except Exception as error:
            first_line = redact(str(error).partition("\n")[0])[:300]
            raise LedgerUnavailable(
                f"The task's state in Airflow, which is the ledger, cannot be {done} at the moment: "
                f"{type(error).__name__}: {first_line}"
            ) from error


def _key(part: int) -> str:
    return f"hvsms_part_{part}"


class _Stored(msgspec.Struct, kw_only=True):
    """The value of a key."""

    run: list[str | int]
    part: int
    fingerprint: str
    size: int
    state: EntryState
    first_intended_at: datetime
    intended_at: datetime
    attempts: int
    batch_id: str | None
    rejected_count: int | None
    revision: int
    writer: str
    """The random id of the change that wrote it."""


_COPIED = ("part", "fingerprint", "size", "state", "attempts", "batch_id", "rejected_count", "revision")


def _to_value(entry: LedgerEntry, writer: str) -> Any:
    stored = _Stored(
        run=list(dataclasses.astuple(entry.run)),
        first_intended_at=entry.first_intended_at.astimezone(UTC),
        intended_at=entry.intended_at.astimezone(UTC),
        writer=writer,
        **{name: getattr(entry, name) for name in _COPIED},
    )
    return msgspec.to_builtins(stored)


def _to_entry(value: Any, run: RunKey, part: int) -> LedgerEntry:
    try:
        stored = msgspec.convert(value, _Stored)
    except msgspec.ValidationError as error:
        raise _unreadable(part, str(error)) from None
    if stored.run != list(dataclasses.astuple(run)) or stored.part != part:
        raise _unreadable(part, "it belongs to another task, run or part")
    return LedgerEntry(
        run=run,
        first_intended_at=stored.first_intended_at.astimezone(UTC),
        intended_at=stored.intended_at.astimezone(UTC),
        **{name: getattr(stored, name) for name in _COPIED},
    )


def _unreadable(part: int, problem: str) -> SendingRefused:
    return SendingRefused(
        f"The key {_key(part)} of the task's state does not hold the entry of part {part}: {problem}. Nothing is sent, "
        "as the part may have been sent already. Put back what the key held; delete it only if no batch was created."
    )


def _conflict(entry: LedgerEntry) -> LedgerConflict:
    return LedgerConflict(
        f"Part {entry.part} of run {entry.run.run_id!r} was changed in the task's state by another try of task "
        f"{entry.run.task_id!r} at the same time. This try goes no further with it."
    )


def _seconds_since_boot() -> float:
    """Unlike `time.monotonic`, it counts while the machine sleeps, where the system has such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
