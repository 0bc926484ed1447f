"""How a transfer runs: read page by page, hand the rows to a sink, log how it went."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_hvsms.api.filters import OnInvalid, check_choice
from airflow_provider_hvsms.api.read_ahead import read_ahead
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.personal_data import PersonalData, Protection
from airflow_provider_hvsms.sinks.protected_json import protected_reject
from airflow_provider_hvsms.sinks.schema import REJECTS, Layout, Sink
from airflow_provider_hvsms.transfers.lineage import describe_events, describe_load
from airflow_provider_hvsms.transfers.progress import Progress
from airflow_provider_hvsms.transfers.unknown_field_log import UnknownFieldLog
from airflow_provider_hvsms.utils.arguments import check_when_parsed, rendered
from airflow_provider_hvsms.utils.failures import fail_without_retry
from airflow_provider_hvsms.utils.protection import check_personal_data, protection_for

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_hvsms.transfers.extracts import Extract, Reading
    from airflow_provider_hvsms.transfers.targets import Target


class HvsmsTransferOperator(BaseOperator):
    """Base of the transfers. A subclass names what is read and what is written to.

    :param hvsms_conn_id: the connection to the message store.
    :param on_invalid: what happens to a record that does not have the documented shape. `fail` (default): the task
        fails and names it. `quarantine`: its JSON, the reason and the time go to the rejects, and it is counted.
    :param extra_fields: keep fields that this version does not know, as JSON in a column `extra`; off by default. The
        log names them in any case.
    :param personal_data: what the target holds of people, rejects included. `keep` (default): numbers and texts as
        they are. `hash`: each number as a hash with the `hash_key` of the connection, and no texts. `drop`: neither.
    """

    template_fields: Sequence[str] = ("hvsms_conn_id",)

    extract: ClassVar[type[Extract]]
    target: ClassVar[type[Target]]
    _summary: Mapping[str, Any] | None = None
    """Of the load; empty until it is complete, and `None` until it begins."""

    def __init__(
        self,
        *,
        hvsms_conn_id: str,
        on_invalid: OnInvalid,
        extra_fields: bool,
        personal_data: PersonalData = "keep",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hvsms_conn_id = hvsms_conn_id
        self.on_invalid = on_invalid
        self.extra_fields = extra_fields
        self.personal_data = personal_data
        with check_when_parsed(self):
            check_choice("on_invalid", on_invalid, get_args(OnInvalid))
            check_personal_data(personal_data, self.extract.layout, extra_fields=extra_fields)

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the transfer, and return its summary.

        It holds `rows`, `pages`, `requests`, `date_from` and `date_to`; with `on_invalid="quarantine"` also `rejected`;
        where the totals are compared, `reconciled`; unless it is `keep`, `personal_data`; where the target can tell,
        `inserted`, `updated` and `unchanged`.
        """
        self._summary = {}
        extract, target = rendered(self.extract, self), rendered(self.target, self)
        with fail_without_retry(self.hvsms_conn_id):
            extract.check_rendered(context)
            hook = HvsmsHook(self.hvsms_conn_id)
            protection = self._protection(hook)
            layout = self._layout().protected(protection)
            window, with_rejects = extract.planned_window(context), self.on_invalid == "quarantine"
            with (
                hook.get_conn() as client,
                target.open(layout, window=window, with_rejects=with_rejects) as sink,
            ):
                reading = extract.read(client, context, self.on_invalid)
                progress = Progress(client, self.log, reading.window)
                progress.log_begin(extract.resource, extract.described_filters, target.description)
                self._write(reading, layout, protection, sink, progress)
                reconciled = reading.reconcile(self.log)
                summary = {**self._summarise(reading, progress), **reconciled}
                changes = sink.finish(summary)
                summary |= dataclasses.asdict(changes) if changes else {}
                progress.log_end(summary)
        self._summary = summary
        describe_events(self.outlets, context, summary)
        return summary

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Describe the load to OpenLineage, whose listener calls it after `execute`, and after a failure too."""
        return None if self._summary is None else describe_load(self, self._layout(), self._summary)

    def _layout(self) -> Layout[Any]:
        return self.extract.layout.with_extra() if self.extra_fields else self.extract.layout

    def _protection(self, hook: HvsmsHook) -> Protection:
        check_personal_data(self.personal_data, self.extract.layout, extra_fields=self.extra_fields)
        return protection_for(self.personal_data, hook)

    def _write(
        self, reading: Reading, layout: Layout[Any], protection: Protection, sink: Sink, progress: Progress
    ) -> None:
        unknown = UnknownFieldLog(self.log, self.extract.resource, kept=self.extra_fields)
        loaded_at = datetime.now(UTC)
        with closing(read_ahead([reading.pages])) as pages:
            for page in progress.over(pages):
                unknown.note(page.unknown_fields)
                rejects = [protected_reject(protection, reject) for reject in page.rejects]
                sink.add(layout.rows(page.records, loaded_at), REJECTS.rows(rejects, loaded_at))

    def _summarise(self, reading: Reading, progress: Progress) -> dict[str, Any]:
        window = reading.window
        summary: dict[str, Any] = {
            "rows": progress.rows,
            "pages": progress.pages,
            "requests": progress.requests,
            "date_from": window and window.start.isoformat(),
            "date_to": window and window.end.isoformat(),
        }
        if self.personal_data != "keep":
            # In `_SUCCESS` it tells later loads what a folder holds.
            summary["personal_data"] = self.personal_data
        return summary if self.on_invalid == "fail" else {**summary, "rejected": progress.rejected}
