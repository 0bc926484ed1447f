"""Every night, load the day's messages, and write a delivery report of the last seven days.

Needs two connections, `hvsms_default` (type hvsms) and `warehouse` (any database with a common-sql hook), the extra
`report`, and the Airflow variable `hvsms_reports`: a folder, such as `s3://aws_default@my-bucket/reports`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.operators.report import HvsmsDeliveryReportOperator
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_delivery_report",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    messages = HvsmsMessagesToSqlOperator(
        task_id="load_messages",
        sql_conn_id="warehouse",
        table="hvsms_messages",
        # Statuses and costs change for hours, so each run reads the day before again.
        lookback=timedelta(days=1),
    )
    report = HvsmsDeliveryReportOperator(
        task_id="report",
        sql_conn_id="warehouse",
        table="hvsms_messages",
        path="{{ var.value.hvsms_reports }}/{{ data_interval_start | ds }}",
        # The seven days that end with the day that was loaded.
        window=timedelta(days=7),
    )

    @task
    def summarise(result: Any) -> str:
        rate = result["delivery_rate"]
        delivered = "nothing was decided yet" if rate is None else f"{rate:.1%} were delivered"
        return f"Of {result['messages']:,} messages {delivered}, for ${result['cost']:,.2f}. Report: {result['path']}"

    messages >> report
    summarise(report.output)
