"""Opting recipients out of messages from a sender, and in again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator, ObjectStoragePath

from airflow_provider_hvsms.campaigns.opt_out_arguments import DEFAULT_BATCH_SIZE, OptOutArguments
from airflow_provider_hvsms.campaigns.opt_out_assignment import OptOutAssigner
from airflow_provider_hvsms.campaigns.rejected_to import RejectedToArguments
from airflow_provider_hvsms.campaigns.task_run import run_key
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.utils.arguments import keep, rendered, takes
from airflow_provider_hvsms.utils.failures import fail_without_retry
from airflow_provider_hvsms.utils.hidden_arguments import HiddenArgument

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


@takes(OptOutArguments, RejectedToArguments)
class HvsmsAssignOptOutsOperator(BaseOperator):
    """Opts recipients out of messages from a sender, or in again: from a list, a query or a file.

    Numbers are checked, and each is sent once. A number that is in both lists, or has both states, fails the task
    before anything is changed. Running the task again does no harm, so lost answers are repeated.

    A number that could not be set does not fail the task: it is counted with the reason, logged as a warning, and kept
    in `rejected_to` if that is given.

    The result: `{"opted_out", "opted_in", "failed", "reasons": [{"reason", "count"}, …], "repeated", "requests"}`.
    `repeated` are rows with a number that was there before. It holds no numbers::

        HvsmsAssignOptOutsOperator(
            task_id="opt_out",
            from_number="+16505550100",
            sql_conn_id="warehouse",
            sql="SELECT phone AS to_number, 'OptOut' AS status FROM complaints WHERE day = '{{ ds }}'",
            rejected_to="opt_outs_rejected",
        )

    :param hvsms_conn_id: the connection to the message store.
    """

    template_fields: Sequence[str] = ("hvsms_conn_id",)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}

    opt_outs = HiddenArgument("opt-outs")
    opt_ins = HiddenArgument("opt-ins")

    def __init__(
        self,
        *,
        from_number: str,
        opt_outs: Sequence[str] | str = (),
        opt_ins: Sequence[str] | str = (),
        sql_conn_id: str | None = None,
        sql: str | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        path: str | ObjectStoragePath | None = None,
        max_batch_size: int = DEFAULT_BATCH_SIZE,
        rejected_to: str | ObjectStoragePath | None = None,
        rejected_conn_id: str | None = None,
        personal_data: PersonalData = "keep",
        hvsms_conn_id: str = HvsmsHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hvsms_conn_id = hvsms_conn_id
        source = OptOutArguments(
            from_number=from_number,
            opt_outs=opt_outs,
            opt_ins=opt_ins,
            sql_conn_id=sql_conn_id,
            sql=sql,
            parameters=parameters,
            path=path,
            max_batch_size=max_batch_size,
        )
        keep(self, source)
        rejected = RejectedToArguments(
            rejected_to=rejected_to, rejected_conn_id=rejected_conn_id, personal_data=personal_data
        )
        keep(self, rejected)

    def execute(self, context: Context) -> dict[str, Any]:
        source, rejected_to = rendered(OptOutArguments, self), rendered(RejectedToArguments, self)
        with fail_without_retry(self.hvsms_conn_id):
            source.check_known()
            changes = source.read()
            hook = HvsmsHook(self.hvsms_conn_id)
            rejected = rejected_to.open(run_key(context), hook, sql_conn_id=source.sql_conn_id)
            with hook.get_conn() as client:
                assigner = OptOutAssigner(client, source.from_number, rejected)
                summary = assigner.assign(changes, size=source.max_batch_size)
        self._describe(summary)
        return summary

    def _describe(self, summary: dict[str, Any]) -> None:
        self.log.info(
            "%s numbers were opted out and %s opted in, in %s requests.",
            f"{summary['opted_out']:,}", f"{summary['opted_in']:,}", f"{summary['requests']:,}",
        )  # fmt: skip
        if summary["failed"]:
            self.log.warning(
                "%s numbers were not set: %s",
                f"{summary['failed']:,}",
                "; ".join(f"{one['count']:,} × {one['reason']}" for one in summary["reasons"]),
            )
