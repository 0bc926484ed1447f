"""A person decides whether the batch of a part was created, where looking for it was not sure."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_batch_id, check_id
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.campaigns.ledger import EntryState, Ledger, LedgerEntry, RunKey
from airflow_provider_hvsms.campaigns.match import CLOCK_DIFFERENCE
from airflow_provider_hvsms.sinks.personal_data import normalise

log = logging.getLogger(__name__)

_KEYS = ("run_id", "task_id", "map_index", "part", "batch_id", "not_created", "attempts")
_FORMS = '{"part": 1, "batch_id": "…"} or {"part": 1, "not_created": true, "attempts": 1}'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What a person decided about a part.

    A decision stays where it was written, such as in the configuration of a run, and is read again by each try. So
    that it cannot speak of a later request, `not_created` holds for as many requests as were known then.

    :param part: its number.
    :param batch_id: the batch that was created; `None`: none was.
    :param attempts: of the part's requests, how many created nothing; 1 by default. It is not used with `batch_id`.
    :param run_id: the run that the part belongs to; `None` (default): the run that reads the decision.
    :param task_id: the task; `None` (default): each task that reads it.
    :param map_index: the index of a mapped task; a mapped task needs it.
    """

    part: int
    batch_id: str | None = None
    attempts: int = 1
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None

    @classmethod
    def parse(cls, value: object) -> Decision:
        """Read a decision from a mapping, or from its JSON as a template renders it.

        :raises InvalidRequest: it is not a decision; the message shows the two forms.
        """
        decided = _as_mapping(value)
        if unknown := [str(key) for key in decided if key not in _KEYS]:
            raise InvalidRequest(f"resolve has the keys {unknown}, which are none of {', '.join(_KEYS)}.")
        batch_id, not_created = decided.get("batch_id"), decided.get("not_created", False)
        if not isinstance(not_created, bool):
            raise InvalidRequest("not_created in resolve must be true or false.")
        if (batch_id is None) is not not_created:
            raise InvalidRequest(f"resolve must hold either batch_id, or not_created as true: {_FORMS}.")
        if batch_id is not None:
            check_batch_id(batch_id)
        return cls(
            part=_integer(decided, "part", least=1),
            batch_id=None if batch_id is None else str(batch_id),
            attempts=_integer(decided, "attempts", least=1) if decided.get("attempts") is not None else 1,
            run_id=_id(decided, "run_id"),
            task_id=_id(decided, "task_id"),
            map_index=_integer(decided, "map_index", least=-1) if decided.get("map_index") is not None else None,
        )

    def run_of(self, run: RunKey) -> RunKey | None:
        """The run that the decision is about; `None` if it is about another task or map index.

        :param run: of the task that reads it.
        :raises InvalidRequest: the task is mapped, and the decision names no index.
        """
        if self.task_id not in (None, run.task_id):
            return None
        if run.map_index >= 0 and self.map_index is None:
            raise InvalidRequest(
                f"Task {run.task_id!r} is mapped, so resolve must say which of its indexes is meant: add "
                f'"map_index": {run.map_index} if it is this one.'
            )
        if self.map_index not in (None, run.map_index):
            return None
        return dataclasses.replace(run, run_id=self.run_id or run.run_id)


def apply_decision(
    decision: Decision, *, ledger: Ledger, client: MessageStoreClient, run: RunKey, from_number: str
) -> LedgerEntry | None:
    """Note a decision in the ledger, and return the entry; `None` if it is about another task or map index.

    Noting it again changes nothing.

    :param run: of the task that reads the decision.
    :param from_number: the sender.
    :raises InvalidRequest: there is no such part, it has another batch, or the batch cannot be its.
    :raises NotFound: the batch does not exist.
    :raises LedgerConflict: another try changed the entry at the same time.
    :raises LedgerUnavailable: the ledger cannot be read or written.
    """
    about = decision.run_of(run)
    if about is None:
        return None
    entries = ledger.entries(about)
    entry = entries.get(decision.part)
    if entry is None:
        raise InvalidRequest(
            f"resolve is about part {decision.part} of run {about.run_id!r}, task {about.task_id!r}, of which the "
            "ledger has no entry: check run_id and part."
        )
    if decision.batch_id is None:
        return _note_not_created(decision, entry, ledger)
    if decision.batch_id == entry.batch_id:
        return entry
    if entry.state not in (EntryState.INTENDED, EntryState.NOT_CREATED):
        raise _contradiction(decision, entry)
    if any(other.batch_id == decision.batch_id for other in entries.values()):
        raise InvalidRequest(f"{_subject(decision)}, but the ledger has that batch for another part.")
    _check_fits(decision, entry, client.get_batch(decision.batch_id), from_number)
    return _note(ledger, entry, EntryState.CREATED, decision.batch_id)


def _note_not_created(decision: Decision, entry: LedgerEntry, ledger: Ledger) -> LedgerEntry:
    if entry.state is EntryState.NOT_CREATED:
        return entry
    if entry.attempts > decision.attempts:
        log.warning(
            "Part %d: resolve says that %d requests created nothing, but %d were about to leave by now. It is not "
            "used. If it is about all of them, add \"attempts\": %d.",
            entry.part, decision.attempts, entry.attempts, entry.attempts,
        )  # fmt: skip
        return entry
    if entry.state is not EntryState.INTENDED:
        raise _contradiction(decision, entry)
    return _note(ledger, entry, EntryState.NOT_CREATED, None)


def _note(ledger: Ledger, entry: LedgerEntry, state: EntryState, batch_id: str | None) -> LedgerEntry:
    decided = dataclasses.replace(entry, state=state, batch_id=batch_id, revision=entry.revision + 1)
    ledger.replace(decided)
    log.info("Part %d of run %s: a person decided that it is %s.", entry.part, entry.run.run_id, state)
    return decided


def _check_fits(decision: Decision, entry: LedgerEntry, batch: Batch, from_number: str) -> None:
    if batch.from_number is not None and normalise(batch.from_number) != normalise(from_number):
        raise InvalidRequest(f"{_subject(decision)}, but that batch has another sender.")
    if batch.creation_time < entry.first_intended_at - CLOCK_DIFFERENCE:
        raise InvalidRequest(
            f"{_subject(decision)}, but that batch was created at {batch.creation_time:%Y-%m-%d %H:%M:%S} UTC, before "
            f"the part was about to be sent ({entry.first_intended_at:%Y-%m-%d %H:%M:%S} UTC)."
        )
    # An earlier request may have been larger: someone may have opted out since.
    if entry.attempts == 1 and batch.batch_size is not None and batch.batch_size > entry.size:
        raise InvalidRequest(
            f"{_subject(decision)}, but that batch has {batch.batch_size:,} messages and the part {entry.size:,}."
        )


def _contradiction(decision: Decision, entry: LedgerEntry) -> InvalidRequest:
    noted = f"batch {entry.batch_id}" if entry.batch_id else f"the state {entry.state}"
    return InvalidRequest(
        f"{_subject(decision)}, but the ledger has {noted} for it. Remove resolve, and clear the task."
    )


def _subject(decision: Decision) -> str:
    said = "was not created" if decision.batch_id is None else f"was created as batch {decision.batch_id}"
    return f"resolve says that part {decision.part} {said}"


def _as_mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise InvalidRequest(f"resolve is not a mapping and not its JSON. It must be {_FORMS}.") from None
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"resolve is a {type(value).__name__}; it must be {_FORMS}.")
    return value


def _id(decided: Mapping[str, object], name: str) -> str | None:
    value = decided.get(name)
    if value is None:
        return None
    check_id(f"{name} in resolve", value)
    return str(value)


def _integer(decided: Mapping[str, object], name: str, *, least: int) -> int:
    value = decided.get(name)
    # A template renders a number as its digits.
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidRequest(f"{name} in resolve must be a whole number from {least}: {_FORMS}.")
    return value
