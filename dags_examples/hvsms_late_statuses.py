"""Every night, load the messages of seven days ago again, when their statuses and costs no longer change.

Needs two connections: `hvsms_default` (type hvsms) and `warehouse` (any database with a common-sql hook).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_late_statuses",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    HvsmsMessagesToSqlOperator(
        task_id="load_messages_again",
        sql_conn_id="warehouse",
        # The same table as in the daily load: rows that changed are updated, all others stay untouched.
        table="hvsms_messages",
        date_to="{{ data_interval_end - macros.timedelta(days=7) }}",
        window=timedelta(days=1),
    )
