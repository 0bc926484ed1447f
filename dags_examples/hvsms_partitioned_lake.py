"""Every night, write the messages of the last days into a lake of Parquet with a folder for each day.

Each run replaces the folders of the night's day and of the three days before it, so that late statuses and costs reach
the lake and no message is in it twice.

Needs the connection `hvsms_default`, the extra `parquet`, and the Airflow variable `hvsms_lake`: the folder of the
lake, such as `s3://aws_default@my-bucket/lake`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator

with DAG(
    dag_id="hvsms_partitioned_lake",
    # Whole days in UTC: a run that would replace a part of a folder is refused.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    HvsmsMessagesToObjectStorageOperator(
        task_id="write_messages",
        # One path for all runs. Each of them writes the folders creation_day=2026-11-02 and so on in it.
        path="{{ var.value.hvsms_lake }}/messages",
        format="parquet",
        partition_by="day",
        lookback=timedelta(days=3),
        view="Detailed",
        on_invalid="quarantine",
    )
