"""Every month, load the messages of each of last month's batches, one mapped task for each batch.

Needs two connections: `hvsms_default` (type hvsms) and `warehouse` (any database with a common-sql hook).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.operators.hvsms import HvsmsListBatchesOperator
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsBatchesToSqlOperator, HvsmsMessagesToSqlOperator

with DAG(
    dag_id="hvsms_monthly_batches",
    schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    batches = HvsmsListBatchesOperator(task_id="list_batches", statuses=["Completed"])
    HvsmsBatchesToSqlOperator(task_id="load_batches", sql_conn_id="warehouse", table="hvsms_batches")
    # Without dates, the window is the batch's own: from its creation to now.
    HvsmsMessagesToSqlOperator.partial(
        task_id="load_messages_of_batch",
        sql_conn_id="warehouse",
        table="hvsms_batch_messages",
        # All of these tasks share one quota.
        max_active_tis_per_dag=2,
    ).expand(batch_id=batches.output)
