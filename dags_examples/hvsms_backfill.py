"""Load the year 2025 once, one month after the other. Unpause the DAG to start it, and delete it when it is done.

Needs two connections, `hvsms_default` (type hvsms) and `warehouse` (any database with a common-sql hook), and the pool
`hvsms`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_backfill",
    schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    end_date=pendulum.datetime(2025, 12, 31, tz="UTC"),
    catchup=True,
    # Runs side by side share one quota, so they are not faster together.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    HvsmsMessagesToSqlOperator(
        task_id="load_messages",
        sql_conn_id="warehouse",
        # The same table as in the daily load.
        table="hvsms_messages",
        pool="hvsms",
    )
