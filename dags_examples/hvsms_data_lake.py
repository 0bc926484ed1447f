"""Every night, write the day's messages into a data lake as Parquet, one folder for each day.

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
    dag_id="hvsms_data_lake",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    HvsmsMessagesToObjectStorageOperator(
        task_id="write_messages",
        path="{{ var.value.hvsms_lake }}/messages/day={{ data_interval_start | ds }}",
        format="parquet",
        view="Detailed",
        # One odd record must not keep the other messages out of the lake; it goes to _rejects.jsonl.
        on_invalid="quarantine",
    )
