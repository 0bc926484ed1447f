"""One try of a campaign: its plan, its ledger, and what came of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_hvsms.campaigns.fingerprint_key import fingerprint_key
from airflow_provider_hvsms.campaigns.ledger import Ledger
from airflow_provider_hvsms.campaigns.ledger_arguments import LedgerArguments
from airflow_provider_hvsms.campaigns.opted_out import opted_out_from
from airflow_provider_hvsms.campaigns.part import Part
from airflow_provider_hvsms.campaigns.plan import CampaignPlan, OnInvalid, PlanSummary
from airflow_provider_hvsms.campaigns.recipient_arguments import RecipientArguments
from airflow_provider_hvsms.campaigns.rejected_to import RejectedToArguments
from airflow_provider_hvsms.campaigns.rejections import rejections_in_answer
from airflow_provider_hvsms.campaigns.sender import CampaignSender
from airflow_provider_hvsms.campaigns.sent_part import How, SentPart
from airflow_provider_hvsms.campaigns.task_run import run_key
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.operators.campaign_decision import note_decision
from airflow_provider_hvsms.sinks.rejected_recipients import BEFORE_SENDING, RejectedRecipients, Rejection
from airflow_provider_hvsms.utils.hidden_arguments import reveal

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_hvsms.api.client import MessageStoreClient
    from airflow_provider_hvsms.api.records import Batch

_IN_WORDS = {
    How.SENT: "sent now",
    How.ADOPTED: "sent by an earlier request, whose answer was lost",
    How.KNOWN: "sent by an earlier try",
    How.SKIPPED: "not sent",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CampaignRun:
    """One try of a campaign, with all arguments rendered."""

    recipients: RecipientArguments
    rejected: RejectedToArguments
    ledger: LedgerArguments
    hvsms_conn_id: str
    on_invalid: OnInvalid
    skip_opted_out: bool
    dry_run: bool
    context: Context
    log: Any

    def send(self) -> dict[str, Any]:
        """Send what was not sent yet, and return the result of the task.

        :raises HvsmsError: something is not as it must be; the message says whether anything was sent.
        """
        self.recipients.check_rendered()
        self.ledger.check_known()
        hook = HvsmsHook(self.hvsms_conn_id)
        with hook.get_conn() as client:
            if self.dry_run:
                with self._plan(hook, client) as plan:
                    return self._result(plan.summary, [])
            ledger = self.ledger.open(self.context)
            self._note_decision(ledger, client)
            rejected = self._open_rejected(hook)
            with self._plan(hook, client) as plan:
                self._keep_invalid(plan, rejected)
                return self._send_parts(plan, self._sender(client, ledger, rejected))

    def _note_decision(self, ledger: Ledger, client: MessageStoreClient) -> None:
        note_decision(
            self.ledger.resolve,
            self.context,
            ledger=ledger,
            client=client,
            run=run_key(self.context),
            from_number=self.recipients.from_number,
        )

    @contextmanager
    def _plan(self, hook: HvsmsHook, client: MessageStoreClient) -> Iterator[CampaignPlan]:
        """The plan, without those who opted out."""
        recipients = self.recipients
        plan = CampaignPlan(
            recipients.rows(),
            from_number=recipients.from_number,
            text=reveal(recipients.text),
            key=fingerprint_key(hook),
            max_batch_size=recipients.max_batch_size,
            on_invalid=self.on_invalid,
        )
        with plan:
            if self.skip_opted_out:
                plan.leave_out(opted_out_from(client, recipients.from_number))
            self._log_plan(plan.summary)
            yield plan

    def _sender(
        self, client: MessageStoreClient, ledger: Ledger, rejected: RejectedRecipients | None
    ) -> CampaignSender:
        def keep_rejected(part: Part, batch: Batch) -> None:
            if rejected is not None:
                rejected.keep(part.number, rejections_in_answer(part, batch), batch_id=batch.id)

        return CampaignSender(
            client,
            ledger,
            from_number=self.recipients.from_number,
            run=run_key(self.context),
            lookup_time=self.ledger.lookup_time,
            deduplicate_for=self.ledger.deduplicate_for,
            keep_rejected=keep_rejected,
        )

    def _send_parts(self, plan: CampaignPlan, sender: CampaignSender) -> dict[str, Any]:
        batches = []
        for part in sender.send(plan):
            self._log_part(part)
            if part.batch_id is not None:
                batches.append(as_result(part))
        result = self._result(plan.summary, batches)
        self.log.info(
            "Done: %s messages are sent in %s batches; the service rejected %s recipients.",
            f"{result['sent']:,}", f"{len(batches):,}", f"{result['rejected']:,}",
        )  # fmt: skip
        return result

    def _result(self, summary: PlanSummary, batches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        rejected = sum(batch["rejected_count"] for batch in batches)
        return {
            "batch_ids": [batch["id"] for batch in batches],
            "batches": list(batches),
            "recipients": summary.recipients,
            "to_send": summary.to_send,
            "sent": sum(batch["size"] for batch in batches) - rejected,
            "rejected": rejected,
            "opted_out": summary.opted_out,
            "duplicates": summary.duplicates,
            "invalid": summary.invalid,
            "segments": summary.segments,
            "dry_run": self.dry_run,
        }

    def _log_part(self, part: SentPart) -> None:
        if part.batch_id is None:
            self.log.info("Part %d: all of its recipients have opted out.", part.part)
            return
        self.log.info(
            "Part %d is batch %s: %s messages, %s rejected; %s.",
            part.part, part.batch_id, f"{part.size:,}", f"{part.rejected_count:,}", _IN_WORDS[part.how],
        )  # fmt: skip

    def _open_rejected(self, hook: HvsmsHook) -> RejectedRecipients | None:
        sql_conn_id = self.recipients.sql_conn_id or self.ledger.ledger_conn_id
        return self.rejected.open(run_key(self.context), hook, sql_conn_id=sql_conn_id)

    def _keep_invalid(self, plan: CampaignPlan, rejected: RejectedRecipients | None) -> None:
        if rejected is None:
            return
        now = datetime.now(UTC)
        invalid = [
            Rejection(to=row.number, rejected_at=now, description=row.reason, place=row.place)
            for row in plan.invalid_rows()
        ]
        rejected.keep(BEFORE_SENDING, invalid)

    def _log_plan(self, summary: PlanSummary) -> None:
        if not summary.recipients:
            self.log.info("There are no recipients: nothing is sent.")
            return
        self.log.info(
            "%s: %s messages (%s segments) in %s batches. Left out: %s opted out, %s duplicates, %s invalid.",
            "A dry run, which sends nothing" if self.dry_run else "The campaign",
            *(
                f"{count:,}"
                for count in (
                    summary.to_send, summary.segments, summary.parts,
                    summary.opted_out, summary.duplicates, summary.invalid,
                )
            ),
        )  # fmt: skip


def as_result(part: SentPart) -> dict[str, Any]:
    """A batch as plain values, without numbers and texts."""
    return {
        "id": part.batch_id,
        "part": part.part,
        "size": part.size,
        "rejected_count": part.rejected_count,
        "how": part.how.value,
    }
