"""Load past days once, several at a time, on any number of workers. Start it with `airflow backfill create`.

Needs two connections, `hvsms_default` (type hvsms, with `shared_session`) and `warehouse` (any database with a
common-sql hook), and the pool `hvsms`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_backfill_days",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    end_date=pendulum.datetime(2025, 12, 31, tz="UTC"),
    catchup=False,
    # A task whose worker was killed is tried again, and so needs a retry.
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
) as dag:
    HvsmsMessagesToSqlOperator(
        task_id="load_messages",
        sql_conn_id="warehouse",
        # The same table as in the daily load.
        table="hvsms_messages",
        pool="hvsms",
    )
