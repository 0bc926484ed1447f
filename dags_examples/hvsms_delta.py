"""Every night, merge the messages of the last two days into a Delta table.

Needs the connection `hvsms_default`, the extra `delta`, and the Airflow variable `hvsms_lake`: the folder of the lake,
such as `s3://aws_default@my-bucket/lake`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator

with DAG(
    dag_id="hvsms_delta",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    HvsmsMessagesToObjectStorageOperator(
        task_id="merge_messages",
        # One table for all days: no date in the path.
        path="{{ var.value.hvsms_lake }}/messages",
        format="delta",
        # Late statuses of the day before are merged, too.
        lookback=timedelta(days=1),
        view="Detailed",
        # One odd record must not keep the other messages out of the table; it goes to messages_rejects beside it.
        on_invalid="quarantine",
    )
