"""Every night, load the day's messages into BigQuery, and let queries run on what is new.

Needs two connections: `hvsms_default` (type hvsms) and `google_cloud_default` (type google_cloud_platform or
gcpbigquery), and the extra `bigquery`: `pip install 'airflow-provider-hvsms[bigquery]'`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsBatchesToSqlOperator, HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_bigquery",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    HvsmsMessagesToSqlOperator(
        task_id="load_messages",
        sql_conn_id="google_cloud_default",
        # dataset.table, or project.dataset.table; the project is else the connection's.
        table="sms.hvsms_messages",
        # Statuses and costs change for hours, so each run reads the day before again.
        lookback=timedelta(days=1),
        # Records that cannot be read go to sms.hvsms_messages_rejects.
        on_invalid="quarantine",
    )
    HvsmsBatchesToSqlOperator(
        task_id="load_batches",
        sql_conn_id="google_cloud_default",
        table="sms.hvsms_batches",
    )
