"""Every night, write the day's messages to S3 as Parquet, and let Redshift load them.

Needs the connections below, the extra `parquet`, and the packages apache-airflow-providers-amazon and s3fs. The bucket
must be in the region of the cluster.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator

AWS_CONN_ID = "aws_default"  # writes the files
COPY_CONN_ID = "aws_redshift_copy"  # {"role_arn": "…"} in its extra is the role that Redshift reads with
REDSHIFT_CONN_ID = "redshift_default"
BUCKET = "my-bucket"
FOLDER = "hvsms/messages/{{ data_interval_start | ds }}"

with DAG(
    dag_id="hvsms_redshift",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    write = HvsmsMessagesToObjectStorageOperator(
        task_id="write_messages",
        path=f"s3://{AWS_CONN_ID}@{BUCKET}/{FOLDER}",
        format="parquet",
        # The upsert replaces whole rows: a Simple read would erase the texts.
        view="Detailed",
        on_invalid="quarantine",
    )
    create = SQLExecuteQueryOperator(
        task_id="create_table",
        conn_id=REDSHIFT_CONN_ID,
        # The columns of the files in their order, and no others. Times are UTC: COPY of Parquet has no TIMESTAMPTZ.
        sql="""
            CREATE TABLE IF NOT EXISTS public.hvsms_messages (
                id VARCHAR(64) NOT NULL PRIMARY KEY,
                batch_id VARCHAR(64),
                direction VARCHAR(32),
                from_number VARCHAR(64),
                to_number VARCHAR(65535),
                message_status VARCHAR(64),
                error_code VARCHAR(64),
                segment_count BIGINT,
                cost DECIMAL(18, 6),
                creation_time TIMESTAMP,
                last_modified_time TIMESTAMP,
                text VARCHAR(65535),
                loaded_at TIMESTAMP
            )
        """,
    )
    copy = S3ToRedshiftOperator(
        task_id="copy_messages",
        redshift_conn_id=REDSHIFT_CONN_ID,
        aws_conn_id=COPY_CONN_ID,
        s3_bucket=BUCKET,
        # With the whole folder, COPY would fail at _SUCCESS, which is not Parquet.
        s3_key=f"{FOLDER}/part-",
        schema="public",
        table="hvsms_messages",
        copy_options=["FORMAT AS PARQUET"],
        method="UPSERT",
        upsert_keys=["id"],
    )
    [write, create] >> copy
