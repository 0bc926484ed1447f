"""Every night, load the day's messages and their statuses into the warehouse.

Needs two connections: `hvsms_default` (type hvsms) and `warehouse` (any database with a common-sql hook).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator, HvsmsStatusesToSqlOperator

with DAG(
    dag_id="hvsms_daily_messages",
    # Plain "@daily" has empty data intervals on Airflow 3.
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
    statuses = HvsmsStatusesToSqlOperator(
        task_id="load_statuses",
        sql_conn_id="warehouse",
        table="hvsms_statuses",
    )
    messages >> statuses
