"""The link from a task to the report that it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.providers.common.compat.sdk import BaseOperatorLink
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_hvsms.utils.report_url import PAGE, report_query

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class HvsmsReportLink(BaseOperatorLink):
    """The button *Delivery report* of a task: it opens the task's report in the API server.

    The link is relative, so it also works where Airflow is served below a path. An operator takes it so::

        class HvsmsDeliveryReportOperator(BaseOperator):
            operator_extra_links = REPORT_LINKS
    """

    name: ClassVar[str] = "Delivery report"
    xcom_key: ClassVar[str] = "hvsms_report_link"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the task's report; an empty text, which is no link, before Airflow 3.1."""
        if not AIRFLOW_V_3_1_PLUS:
            return ""
        return f"{PAGE}?{report_query(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)}"


REPORT_LINKS: tuple[BaseOperatorLink, ...] = (HvsmsReportLink(),) if AIRFLOW_V_3_1_PLUS else ()
"""The links of an operator that writes a report: none before Airflow 3.1, which has no page to lead to."""
