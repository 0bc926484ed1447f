"""DAGs that write delivery reports, most of them without a database to read: the tests copy this file.

The last one writes a report of a table, with the package's own operator.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    BaseHook,
    BaseOperator,
    ObjectStoragePath,
    task,
)

from airflow_provider_hvsms.api.records import Message
from airflow_provider_hvsms.operators import report
from airflow_provider_hvsms.operators.report_link import REPORT_LINKS
from airflow_provider_hvsms.sinks.schema import MESSAGES
from airflow_provider_hvsms.sinks.sql.sink import open_table

FOLDER = os.environ.get("REPORT_FOLDER", "file:///tmp")
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="generator" content="airflow-provider-hvsms">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Delivery report</title>
<style>
:root {{ color-scheme: light dark }} body {{ font: 16px system-ui; max-width: 60rem; margin: auto; padding: 1rem }}
#height {{ height: 1500px; border-left: 4px solid #888 }}
</style></head>
<body><h1 id="title">{title}</h1><p id="script">no script ran</p>
<script>document.getElementById("script").textContent = "a script ran"</script>
<div id="height"></div><p id="end">The end of the report</p></body></html>
"""


class HvsmsDeliveryReportOperator(BaseOperator):
    """Writes a page, and returns what the operator of this name returns."""

    operator_extra_links = REPORT_LINKS

    def __init__(self, *, path: str, title: str = "Delivered", fails: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.title = title
        self.fails = fails

    def execute(self, context: Any) -> dict[str, str]:
        if self.fails:
            raise AirflowFailException("on purpose")
        ObjectStoragePath(self.path).write_text(PAGE.format(title=self.title))
        return {"path": self.path, "json": self.path.removesuffix(".html") + ".json"}


class AnotherOperator(HvsmsDeliveryReportOperator):
    """Returns the path of a page, as any task can."""


with DAG("one_report", schedule=None) as one_report:
    HvsmsDeliveryReportOperator(task_id="report", path=f"{FOLDER}/one.html", title="One report")

with DAG("several_reports", schedule=None) as several_reports:
    HvsmsDeliveryReportOperator.partial(task_id="report").expand_kwargs(
        [{"path": f"{FOLDER}/{name}.html", "title": f"Report {name}"} for name in ("first", "second")]
    )

with DAG("failed_report", schedule=None) as failed_report:
    HvsmsDeliveryReportOperator(task_id="report", path=f"{FOLDER}/failed.html", fails=True)

with DAG("no_report", schedule=None) as no_report:
    AnotherOperator(task_id="other", path=f"{FOLDER}/other.html")

with DAG("report_on_s3", schedule=None) as report_on_s3:
    HvsmsDeliveryReportOperator(task_id="report", path="s3://aws@reports/one.html", title="A report on S3")

ALL = (one_report, several_reports, failed_report, no_report, report_on_s3)

START = datetime(2026, 3, 1, tzinfo=UTC)

with DAG("report_of_a_table", schedule=None) as report_of_a_table:

    @task
    def fill() -> None:
        messages = [
            Message(
                id=str(number),
                creation_time=START + timedelta(hours=number),
                direction="Outbound",
                from_number=f"+1650555010{number % 3}",
                to=("+14155550100",),
                message_status="DeliveryFailed" if number % 9 == 0 else "Delivered",
                error_code="SMS-CAR-413" if number % 9 == 0 else None,
                segment_count=1,
                cost=Decimal("0.007"),
                batch_id=f"batch-{number // 24}",
            )
            for number in range(7 * 24)
        ]
        with open_table(BaseHook.get_hook("warehouse"), "messages", MESSAGES) as sink:
            sink.add(MESSAGES.rows(messages, START), [])
            sink.finish({})

    fill() >> report.HvsmsDeliveryReportOperator(
        task_id="report",
        sql_conn_id="warehouse",
        table="messages",
        path=f"{FOLDER}/table",
        date_from=START,
        date_to=START + timedelta(days=7),
    )
