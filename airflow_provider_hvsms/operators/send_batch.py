"""The operator that sends a campaign: each batch once, and never twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast, get_args

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, ObjectStoragePath, XComArg

from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.campaigns.ledger_arguments import DEFAULT_TABLE, LedgerArguments
from airflow_provider_hvsms.campaigns.lookup import DEFAULT_LOOKUP_TIME
from airflow_provider_hvsms.campaigns.plan import DEFAULT_BATCH_SIZE, OnInvalid
from airflow_provider_hvsms.campaigns.recipient_arguments import RecipientArguments
from airflow_provider_hvsms.campaigns.rejected_to import RejectedToArguments
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.operators.campaign_run import CampaignRun
from airflow_provider_hvsms.operators.completion_wait import DEFAULT_TIMEOUT, WaitArguments, with_status
from airflow_provider_hvsms.sensors.waiting import DEFAULT_DEFERRABLE, batches_of, defer_until_fired
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.utils.arguments import check_when_parsed, keep, rendered, takes
from airflow_provider_hvsms.utils.failures import fail_without_retry
from airflow_provider_hvsms.utils.hidden_arguments import HiddenArgument
from airflow_provider_hvsms.utils.values import as_boolean, is_known

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.definitions.xcom_arg import PlainXComArg


_TIMEOUTS = ("Trigger timeout", "Trigger/execution timeout")
"""What Airflow resumes a task with whose trigger has taken too long; the second in Airflow 2."""


@takes(RecipientArguments, RejectedToArguments, LedgerArguments, WaitArguments)
class HvsmsSendBatchOperator(BaseOperator):
    """Sends a text, or a text for each recipient, as one or several batches: to each recipient once, never twice.

    Recipients are checked and each number is taken once; those who opted out are left out. The intent to send each
    batch is noted in a ledger before its request leaves, and its id after the answer. Another try of the task, also
    after it was cleared, sends only what was surely not sent: a batch whose answer was lost is looked for first. If it
    cannot be known whether a batch was created, the task fails for good, and says how a person decides. A new run of
    the DAG is a new campaign.

    The result, without numbers and texts: `{"batch_ids", "batches": [{"id", "part", "size", "rejected_count",
    "how"}, …], "recipients", "to_send", "sent", "rejected", "opted_out", "duplicates", "invalid", "segments",
    "dry_run"}`. After a wait, each batch also has the fields that `HvsmsBatchSensor` returns. Each value is an XCom of
    its own, too::

        send = HvsmsSendBatchOperator(
            task_id="send",
            from_number="+16505550100",
            sql_conn_id="warehouse",
            sql='SELECT phone AS "to", first_name FROM campaign_members',
            text="Hello {first_name}, our store opens at nine.",
            ledger_conn_id="warehouse",
            rejected_to="hvsms_rejected",
        )
        HvsmsBatchSensor(task_id="wait", batch_id=send.output["batch_ids"], deferrable=True)

    :param hvsms_conn_id: the connection to the message store.
    :param on_invalid: what happens to rows without a valid number. `fail` (default): nothing is sent, and the first is
        named by its place. `quarantine`: they are left out, counted, and kept in `rejected_to`.
    :param skip_opted_out: leave out who has opted out from this sender, by the service's list; on by default. The
        service sends nothing to them in any case, but counts such messages as failed.
    :param dry_run: check and count everything, and send nothing; `False` by default. Also a template, such as
        `{{ params.dry_run }}`.
    """

    template_fields: Sequence[str] = ("hvsms_conn_id", "is_dry_run")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}

    recipients = HiddenArgument("recipients")
    text = HiddenArgument("text")

    def __init__(
        self,
        *,
        from_number: str | XComArg,
        recipients: Sequence[str | Mapping[str, Any]] | str | XComArg | None = None,
        sql_conn_id: str | None = None,
        sql: str | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | XComArg | None = None,
        path: str | ObjectStoragePath | XComArg | None = None,
        text: str | XComArg | None = None,
        max_batch_size: int = DEFAULT_BATCH_SIZE,
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        ledger_conn_id: str | None = None,
        ledger_table: str = DEFAULT_TABLE,
        lookup_time: timedelta = DEFAULT_LOOKUP_TIME,
        deduplicate_for: timedelta | None = None,
        resolve: Mapping[str, Any] | str | None = None,
        rejected_to: str | ObjectStoragePath | None = None,
        rejected_conn_id: str | None = None,
        personal_data: PersonalData = "keep",
        on_invalid: OnInvalid = "fail",
        skip_opted_out: bool = True,
        dry_run: bool | str | XComArg = False,
        wait_for_completion: bool = False,
        deferrable: bool = DEFAULT_DEFERRABLE,
        poke_interval: float | timedelta = 60.0,
        completion_timeout: timedelta = DEFAULT_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        # So that `output["batch_ids"]` can be given to other tasks.
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.hvsms_conn_id = hvsms_conn_id
        self.on_invalid = on_invalid
        self.skip_opted_out = skip_opted_out
        # `dry_run` is a method of Airflow's operators.
        self.is_dry_run = dry_run
        recipient_arguments = RecipientArguments(
            from_number=from_number,
            recipients=recipients,
            sql_conn_id=sql_conn_id,
            sql=sql,
            parameters=parameters,
            path=path,
            text=text,
            max_batch_size=max_batch_size,
        )
        rejected = RejectedToArguments(
            rejected_to=rejected_to, rejected_conn_id=rejected_conn_id, personal_data=personal_data
        )
        ledger = LedgerArguments(
            ledger_conn_id=ledger_conn_id,
            ledger_table=ledger_table,
            lookup_time=lookup_time,
            deduplicate_for=deduplicate_for,
            resolve=resolve,
        )
        wait = WaitArguments(
            wait_for_completion=wait_for_completion,
            deferrable=deferrable,
            poke_interval=poke_interval,
            completion_timeout=completion_timeout,
        )
        for arguments in (recipient_arguments, rejected, ledger, wait):
            keep(self, arguments)
        with check_when_parsed(self):
            check_choice("on_invalid", on_invalid, get_args(OnInvalid))
            if is_known(dry_run) and not as_boolean("dry_run", dry_run):
                ledger.check_ledger()

    @property
    def output(self) -> PlainXComArg:
        """The result for other tasks; also a part of it, such as `output["batch_ids"]`."""
        return cast("PlainXComArg", super().output)

    def execute(self, context: Context) -> dict[str, Any]:
        """Send what was not sent yet, wait if that is wanted, and return the result."""
        with fail_without_retry(self.hvsms_conn_id):
            result = self._run(context).send()
        wait = rendered(WaitArguments, self)
        if not wait.wait_for_completion or not result["batch_ids"]:
            return result
        with fail_without_retry(self.hvsms_conn_id):
            wait.wait_until_listed(result["batch_ids"], self.hvsms_conn_id, rendered(LedgerArguments, self).lookup_time)
        if wait.deferrable:
            trigger = wait.trigger(result["batch_ids"], self.hvsms_conn_id)
            defer_until_fired(self, trigger, deadline=datetime.now(UTC) + wait.completion_timeout, result=result)
        return _completed(result, wait.wait(result["batch_ids"], self.hvsms_conn_id, self.log))

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, result: dict[str, Any] | None = None, **_: Any
    ) -> dict[str, Any]:
        """Return the result with the batches as the trigger saw them. Nothing is sent here."""
        if result is None:
            # Airflow's `dag.test` keeps nothing from before a deferral. All is in the ledger as sent.
            with fail_without_retry(self.hvsms_conn_id):
                result = self._run(context).send()
        try:
            batches = batches_of(event)
        except AirflowFailException as error:
            raise AirflowFailException(
                f"{error} The batches were sent: clear the task to go on waiting; nothing is sent again."
            ) from None
        return _completed(result, batches)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        if next_method == "__fail__" and (next_kwargs or {}).get("error") in _TIMEOUTS:
            raise rendered(WaitArguments, self).pending()
        return super().resume_execution(next_method, next_kwargs, context)

    def _run(self, context: Context) -> CampaignRun:
        return CampaignRun(
            recipients=rendered(RecipientArguments, self),
            rejected=rendered(RejectedToArguments, self),
            ledger=rendered(LedgerArguments, self),
            hvsms_conn_id=self.hvsms_conn_id,
            on_invalid=self.on_invalid,
            skip_opted_out=self.skip_opted_out,
            dry_run=as_boolean("dry_run", self.is_dry_run),
            context=context,
            log=self.log,
        )


def _completed(result: Mapping[str, Any], batches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {**result, "batches": with_status(result["batches"], batches)}
