"""Every night, wait until all of the day's batches are completed, then load the day's messages.

Needs two connections: `hvsms_default` (type hvsms) and `warehouse` (any database with a common-sql hook).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.sensors.hvsms import HvsmsIntervalBatchesSensor
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_interval_batches",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    wait = HvsmsIntervalBatchesSensor(
        task_id="wait_for_batches",
        mode="reschedule",
        poke_interval=300,
        timeout=timedelta(hours=6).total_seconds(),
    )
    wait >> HvsmsMessagesToSqlOperator(task_id="load_messages", sql_conn_id="warehouse", table="hvsms_messages")
