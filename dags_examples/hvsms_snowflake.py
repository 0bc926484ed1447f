"""Every night, load the day's messages into Snowflake, and let queries run on what is new.

Needs two connections: `hvsms_default` (type hvsms) and `snowflake_default` (type snowflake), and the extra `snowflake`:
`pip install 'airflow-provider-hvsms[snowflake]'`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsBatchesToSqlOperator, HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_snowflake",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    HvsmsMessagesToSqlOperator(
        task_id="load_messages",
        sql_conn_id="snowflake_default",
        # A table, or schema.table, or database.schema.table; what is left out comes from the connection.
        table="sms.hvsms_messages",
        # Statuses and costs change for hours, so each run reads the day before again.
        lookback=timedelta(days=1),
        # Records that cannot be read go to sms.hvsms_messages_rejects.
        on_invalid="quarantine",
    )
    HvsmsBatchesToSqlOperator(
        task_id="load_batches",
        sql_conn_id="snowflake_default",
        table="sms.hvsms_batches",
    )
