"""Every day, send a campaign to the recipients of a query, wait for it, load what became of it, check it, and report.

It needs a triggerer, the extra `report`, two connections: `hvsms_default` (type hvsms) and `warehouse` (PostgreSQL,
MySQL or SQLite, with a table `campaign_members`), and two Airflow variables: `hvsms_sender`, the number to send from,
and `hvsms_reports`, a folder such as `s3://aws_default@my-bucket/reports`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pendulum
from airflow.providers.common.compat.sdk import DAG, Param, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.operators.campaigns import HvsmsSendBatchOperator
from airflow_provider_hvsms.operators.hvsms import HvsmsCheckStatusesOperator
from airflow_provider_hvsms.operators.report import HvsmsDeliveryReportOperator
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_campaign",
    schedule=CronDataIntervalTimetable("0 10 * * *", timezone="America/New_York"),
    start_date=pendulum.datetime(2026, 1, 1, tz="America/New_York"),
    # A missed day is not made up for: nobody wants yesterday's text.
    catchup=False,
    max_active_runs=1,
    params={
        "dry_run": Param(False, type="boolean", description="Count everything, and send nothing."),
        "max_failed_ratio": Param(0.1, type="number", minimum=0, maximum=1),
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    send = HvsmsSendBatchOperator(
        task_id="send",
        from_number="{{ var.value.hvsms_sender }}",
        sql_conn_id="warehouse",
        # Each try of a run must find the same recipients, so they are those of a day.
        sql="""
            SELECT phone AS "to", first_name
              FROM campaign_members
             WHERE send_on = '{{ data_interval_end | ds }}'
        """,
        text="Hello {first_name}, our store opens at nine. Reply STOP to opt out.",
        # What was sent is noted here, so that another try of this task sends nothing twice.
        ledger_conn_id="warehouse",
        rejected_to="hvsms_rejected",
        dry_run="{{ params.dry_run }}",
    )

    @task
    def list_batches(result: Any) -> list[str]:
        """One mapped task for each; none if there was nobody to send to."""
        return cast("list[str]", result["batch_ids"])

    batch_ids = list_batches(send.output)
    wait = HvsmsBatchSensor.partial(
        task_id="wait_for_batch",
        # In the triggerer, where all waits share one poll.
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(hours=12).total_seconds(),
    ).expand(batch_id=batch_ids)
    messages = HvsmsMessagesToSqlOperator.partial(
        task_id="load_messages", sql_conn_id="warehouse", table="hvsms_campaign_messages"
    ).expand(batch_id=batch_ids)
    check = HvsmsCheckStatusesOperator.partial(
        task_id="check_statuses",
        max_failed_ratio="{{ params.max_failed_ratio }}",
        # Statuses settle for hours: messages that are pending now may be delivered by the next try.
        retry_delay=timedelta(hours=1),
    ).expand(batch_id=batch_ids)
    report = HvsmsDeliveryReportOperator(
        task_id="report",
        sql_conn_id="warehouse",
        table="hvsms_campaign_messages",
        path="{{ var.value.hvsms_reports }}/campaigns/{{ data_interval_end | ds }}",
        # The messages since the run was due, up to the next run or now.
        date_from="{{ data_interval_end }}",
        date_to="{{ data_interval_end + macros.timedelta(days=1) }}",
        group_by=["from_number", "batch_id"],
    )

    # The report is written also if too many messages failed.
    wait >> messages >> [check, report]
