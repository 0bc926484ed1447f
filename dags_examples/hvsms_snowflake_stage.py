"""Every night, write the day's messages to an external stage of Snowflake as Parquet, and let Snowflake merge them.

Needs the connections below, the extra `parquet`, the packages apache-airflow-providers-snowflake,
apache-airflow-providers-amazon and s3fs, and the stage, which an administrator creates once::

    CREATE STAGE hvsms_stage URL = 's3://my-bucket/hvsms/' STORAGE_INTEGRATION = …;
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator

AWS_CONN_ID = "aws_default"
SNOWFLAKE_CONN_ID = "snowflake_default"
STAGE = "hvsms_stage"
STAGE_PATH = "my-bucket/hvsms"  # where the stage's URL leads
FOLDER = "messages/{{ data_interval_start | ds }}"

COLUMNS = {
    "id": "VARCHAR",
    "batch_id": "VARCHAR",
    "direction": "VARCHAR",
    "from_number": "VARCHAR",
    "to_number": "VARCHAR",
    "message_status": "VARCHAR",
    "error_code": "VARCHAR",
    "segment_count": "NUMBER(38, 0)",
    "cost": "NUMBER(18, 6)",
    "creation_time": "TIMESTAMP_TZ",
    "last_modified_time": "TIMESTAMP_TZ",
    "text": "VARCHAR",
    "loaded_at": "TIMESTAMP_TZ",
}
TYPED = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())

with DAG(
    dag_id="hvsms_snowflake_stage",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    # Runs share the staging table.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    write = HvsmsMessagesToObjectStorageOperator(
        task_id="write_messages",
        path=f"s3://{AWS_CONN_ID}@{STAGE_PATH}/{FOLDER}",
        format="parquet",
        # The merge replaces whole rows: a Simple read would erase the texts.
        view="Detailed",
        on_invalid="quarantine",
    )
    merge = SQLExecuteQueryOperator(
        task_id="merge_messages",
        conn_id=SNOWFLAKE_CONN_ID,
        autocommit=True,
        sql=[
            f"CREATE TABLE IF NOT EXISTS hvsms_messages ({TYPED}, PRIMARY KEY (id))",
            f"CREATE OR REPLACE TRANSIENT TABLE hvsms_messages_staging ({TYPED})",
            # A prefix of names: it leaves out _SUCCESS, and the hidden files of a load that is under way.
            f"""
            COPY INTO hvsms_messages_staging FROM '@{STAGE}/{FOLDER}/part-'
            FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)
            MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE
            """,
            # A row of the table that was modified later stays.
            f"""
            MERGE INTO hvsms_messages AS target
            USING (
                SELECT * FROM hvsms_messages_staging
                QUALIFY row_number() OVER (PARTITION BY id ORDER BY last_modified_time DESC NULLS LAST) = 1
            ) AS source
            ON target.id = source.id
            WHEN MATCHED AND (
                target.last_modified_time IS NULL
                OR source.last_modified_time >= target.last_modified_time
            )
                THEN UPDATE SET {", ".join(f"{name} = source.{name}" for name in COLUMNS if name != "id")}
            WHEN NOT MATCHED THEN INSERT ({", ".join(COLUMNS)})
                VALUES ({", ".join(f"source.{name}" for name in COLUMNS)})
            """,
        ],
    )
    write >> merge
