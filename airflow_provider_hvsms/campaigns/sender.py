"""The parts of a campaign are sent: each as one batch, and never twice.

The service has no idempotency key, so the ledger keeps what was intended and what came of it. A process may be killed
between any two steps; this is why none of the gaps sends a part twice:

- Before the intent is noted, nothing was sent, and the next try finds nothing noted.
- From the intent until the batch's id is noted, the entry says `INTENDED`. Whether the request left, was carried out
  or answered does not matter: the next try sends nothing before it has looked for the batch. Only if no batch of this
  sender can be the part's, after `lookup_time`, is there a new intent. If it is not sure, nothing is sent, and a person
  decides.
- After the id is noted, the part is not sent again. Its rejected recipients may be kept a second time, under the same
  batch.
- Two tries at once: each change of an entry replaces the revision that the try knows (compare-and-set), and a request
  leaves only after its intent is noted so. Of two tries that know the same revision one gets through; the other reads
  again, and goes on only if the part is settled. A try that comes later sees the intent and looks, as after a kill.
- A ledger that fails while an intent is noted leaves open whether it is noted; nothing is sent then. If it fails while
  the id is noted, the entry still says `INTENDED`.
- A request that the service refused (4xx) or that never left created nothing, so `NOT_CREATED` is noted, and the next
  try sends at once. If that cannot be noted, the next try looks first.

It rests on three assumptions. A request leaves within 30 seconds after its intent (`noting_time`), as
`PartRecord.note_intent` sees to, and its batch is in the service's list within `lookup_time` after that: a process that
is suspended for longer, right between its last check and its request, breaks it. The worker's clock stays right between
two answers of the service, whose `Date` it is compared with before each request. The ledger's compare-and-set is exact.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import (
    ClockDiffers,
    InvalidRequest,
    InvalidSettings,
    LedgerConflict,
    LoginRefused,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExceeded,
    SendingRefused,
    ServerUnreachable,
    ServiceUnavailable,
    SessionEnded,
)
from airflow_provider_hvsms.api.records import Batch
from airflow_provider_hvsms.api.sending import OutgoingBatch
from airflow_provider_hvsms.campaigns.clock_check import check_clock, learn_time
from airflow_provider_hvsms.campaigns.ledger import EntryState, Ledger, LedgerEntry, RunKey
from airflow_provider_hvsms.campaigns.lookup import DEFAULT_LOOKUP_TIME, Found, NotCreated, OutcomeLookup, Undecided
from airflow_provider_hvsms.campaigns.other_runs import OtherRuns
from airflow_provider_hvsms.campaigns.part import Part, Plan
from airflow_provider_hvsms.campaigns.part_record import SETTLED, PartRecord, noting_time
from airflow_provider_hvsms.campaigns.rejected_lookup import RejectedLookup
from airflow_provider_hvsms.campaigns.sent_part import How, SentPart

log = logging.getLogger(__name__)

_MAX_REQUESTS = 2
"""Requests for a part in one try whose outcome is unknown."""

_MAY_BE_SENT = frozenset({EntryState.INTENDED, EntryState.CREATED, EntryState.RECORDED})

_NOTHING_CREATED = (
    ClockDiffers,
    InvalidRequest,
    InvalidSettings,
    LoginRefused,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    SendingRefused,
    ServerUnreachable,
    SessionEnded,
)
"""Errors of a request that created no batch. After any other error that is open."""

KeepRejected = Callable[[Part, Batch], None]
"""Keeps the recipients in `rejected` of a part's batch. It may be called again for the same batch."""


class CampaignSender:
    """Sends the parts of a campaign, each once.

    Example::

        sender = CampaignSender(client, ledger, from_number="+16505550100", run=run)
        for sent in sender.send(plan):
            print(sent.batch_id, sent.size, sent.rejected_count)

    :param from_number: the sender.
    :param run: the task whose tries share the ledger's entries.
    :param lookup_time: within which a request reaches the service and its batch is listed; 10 minutes by default.
    :param deduplicate_for: refuses a part that another run may have sent within this time; `None` (default): another
        run may send the same. It needs a ledger that finds the entries of other runs.
    :param keep_rejected: keeps the rejected recipients of a batch; called if there are any. Those of the answer have
        an error code; if the answer was lost, they are derived from the batch's messages, and have none. `None`
        (default): they are only counted.
    :param clock: the present, in seconds since 1970.
    :param sleep: waits the given seconds.
    :raises InvalidRequest: the ledger cannot find the entries of other runs.
    """

    def __init__(
        self,
        client: MessageStoreClient,
        ledger: Ledger,
        *,
        from_number: str,
        run: RunKey,
        lookup_time: timedelta = DEFAULT_LOOKUP_TIME,
        deduplicate_for: timedelta | None = None,
        keep_rejected: KeepRejected | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._from_number = from_number
        self._run = run
        self._clock = clock
        self._sleep = sleep
        self._keep_rejected = keep_rejected
        self._noting_time = noting_time(lookup_time)
        self._other_runs = OtherRuns(ledger, run, lookup_time=lookup_time, deduplicate_for=deduplicate_for)
        self._lookup = OutcomeLookup(client, from_number=from_number, lookup_time=lookup_time, clock=clock, sleep=sleep)
        self._rejected = RejectedLookup(client, lookup_time=lookup_time, clock=clock, sleep=sleep)

    def send(self, plan: Plan) -> Iterator[SentPart]:
        """Check the plan against the ledger, then send part after part as the result is iterated.

        :raises SendingRefused: the recipients or texts changed since an earlier try; another run sent the same; or it
            is not sure whether a part was sent, so that a person has to decide.
        :raises LedgerUnavailable: the ledger cannot be read or written. What was sent is found by the next try.
        :raises LedgerConflict: another try of the same task is sending.
        :raises ClockDiffers: this machine's clock is wrong by more than 2.5 minutes.
        :raises HvsmsError: the service refused a part, or did not answer. The parts before it are noted.
        """
        entries = dict(self._ledger.entries(self._run))
        fingerprints = dict(plan.fingerprints())
        self._check_unchanged(entries, fingerprints)
        for number, fingerprint in fingerprints.items():
            if number not in entries or entries[number].state is EntryState.NOT_CREATED:
                self._other_runs.check(number, fingerprint, self._now())
        return self._send_parts(plan, fingerprints, entries)

    def _check_unchanged(self, entries: Mapping[int, LedgerEntry], fingerprints: Mapping[int, str]) -> None:
        changed = sorted(
            number
            for number, entry in entries.items()
            if entry.state in _MAY_BE_SENT and fingerprints.get(number) != entry.fingerprint
        )
        if changed:
            raise SendingRefused(
                f"The sender, recipients or texts changed since an earlier try of task {self._run.task_id!r} in run "
                f"{self._run.run_id!r}: of {len(entries):,} parts in its ledger, {len(changed):,} differ or are gone, "
                f"the first is part {changed[0]}. Nothing was sent by this try, as some may get a text twice and "
                "others none. Restore what the first try sent, or send the rest in a new run. If nothing of it "
                "changed, then the hash_key or client secret of the connection did, from which the key of the "
                "fingerprints is derived: put the former one back for this try."
            )

    def _send_parts(
        self, plan: Plan, fingerprints: Mapping[int, str], entries: Mapping[int, LedgerEntry]
    ) -> Iterator[SentPart]:
        for part in plan:
            if fingerprints.get(part.number) != part.fingerprint:
                raise SendingRefused(
                    f"Part {part.number} changed while the campaign was being sent. It and the parts after it were not "
                    "sent. The source of the recipients must return the same in each pass."
                )
            record = PartRecord(
                self._ledger, self._run, part, entries.get(part.number),
                noting_time=self._noting_time, clock=self._clock, sleep=self._sleep,
            )  # fmt: skip
            yield self._send_part(part, record)

    def _send_part(self, part: Part, record: PartRecord) -> SentPart:
        try:
            how, answer = self._settle(part, record)
        except LedgerConflict:
            if record.reload().state not in SETTLED:
                raise
            how, answer = How.KNOWN, None
        if record.state is EntryState.SKIPPED:
            return SentPart(part=part.number, batch_id=None, size=0, rejected_count=0, how=How.SKIPPED)
        if record.state is EntryState.CREATED:
            self._record_rejected(part, record, answer)
        entry = record.known
        return SentPart(
            part=part.number,
            batch_id=entry.batch_id,
            size=entry.size,
            rejected_count=entry.rejected_count or 0,
            how=how,
        )

    def _settle(self, part: Part, record: PartRecord) -> tuple[How, Batch | None]:
        """Bring a part into a settled state; with the answer if this try got one."""
        if record.state in SETTLED:
            return How.KNOWN, None
        if record.state is EntryState.INTENDED and self._was_created(part, record):
            return How.ADOPTED, None
        if not part.messages:
            record.note_skipped()
            return How.SKIPPED, None
        for _ in range(_MAX_REQUESTS):
            try:
                answer = self._request(part, record)
            except OutcomeUnknown as error:
                log.warning("Part %d: %s Its batch is looked for.", part.number, error)
                if self._was_created(part, record):
                    return How.ADOPTED, None
            else:
                record.note_created(answer.id)
                return How.SENT, answer
        record.note_not_created()
        raise ServiceUnavailable(
            f"Part {part.number} was sent {_MAX_REQUESTS} times without an answer, and each time no batch was created. "
            "The parts before it are noted; try again later."
        )

    def _request(self, part: Part, record: PartRecord) -> Batch:
        def before_sending() -> None:
            check_clock(self._client)
            record.note_intent(lambda: self._other_runs.check(part.number, part.fingerprint, self._now()))

        learn_time(self._client)
        try:
            return self._client.send_batch(
                OutgoingBatch(from_number=self._from_number, messages=part.messages), before_sending=before_sending
            )
        except _NOTHING_CREATED:
            record.note_not_created()
            raise

    def _was_created(self, part: Part, record: PartRecord) -> bool:
        """Look for the batch of an intent, and note it if it is found.

        :raises SendingRefused: it is not sure.
        """
        entry = record.known
        outcome = self._lookup.find(
            entry, part, taken=lambda: self._other_runs.taken(entry), own_clock=record.has_intent
        )
        if isinstance(outcome, Found) and (rival := self._other_runs.rival(entry, outcome.batch)):
            raise SendingRefused(
                f"{_open_intent(entry)} Batch {outcome.batch.id} matches, but run {rival.run.run_id!r} (part "
                f"{rival.part}) was about to send the same, and its outcome is unknown too. {self._remedies(entry)}"
            )
        match outcome:
            case Found(batch=batch):
                log.info("Part %d: batch %s was found, which its request had created.", part.number, batch.id)
                record.note_found(batch.id)
                return True
            case NotCreated():
                log.info("Part %d: no batch was created by its request.", part.number)
                return False
            case Undecided():
                raise SendingRefused(f"{_open_intent(entry)} Seen: {outcome}. {self._remedies(entry)}")

    def _remedies(self, entry: LedgerEntry) -> str:
        return (
            "Nothing more is sent, so that nobody gets a text twice. If a batch is still being listed, clear the task "
            f"later, and it looks again. Otherwise a person decides. {self._ledger.how_to_resolve(entry)}"
        )

    def _record_rejected(self, part: Part, record: PartRecord, answer: Batch | None) -> None:
        entry = record.known
        if answer is not None:
            batch, count = answer, len(answer.rejected)
        else:
            batch, count = self._rejected.find(entry, part)
        if batch.rejected and self._keep_rejected is not None:
            self._keep_rejected(part, batch)
        record.note_recorded(count)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _open_intent(entry: LedgerEntry) -> str:
    return (
        f"Part {entry.part} of run {entry.run.run_id!r}, task {entry.run.task_id!r}, was about to be sent at "
        f"{entry.intended_at:%Y-%m-%d %H:%M:%S} UTC with {entry.size:,} messages (attempt {entry.attempts}), and it is "
        "not sure whether its batch was created."
    )
