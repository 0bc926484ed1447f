"""Every day, load messages, batches and opt-outs without phone numbers and texts: hashes stand for the numbers.

Needs two connections: `hvsms_default` (type hvsms, with a `hash_key` in its extra) and `warehouse` (any database with a
common-sql hook).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_sql import (
    HvsmsBatchesToSqlOperator,
    HvsmsMessagesToSqlOperator,
    HvsmsOptOutsToSqlOperator,
)

with DAG(
    dag_id="hvsms_personal_data",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "personal_data": "hash",
        "on_invalid": "quarantine",
    },
) as dag:
    HvsmsMessagesToSqlOperator(task_id="load_messages", sql_conn_id="warehouse", table="hashed_messages")
    HvsmsBatchesToSqlOperator(task_id="load_batches", sql_conn_id="warehouse", table="hashed_batches")
    HvsmsOptOutsToSqlOperator(task_id="load_opt_outs", sql_conn_id="warehouse", table="hashed_opt_outs", status="all")
