"""Every night, write the day's messages to S3 as Parquet, and let Databricks copy and merge them.

Needs the connections below, the extra `parquet`, and the packages apache-airflow-providers-databricks,
apache-airflow-providers-amazon and s3fs. Databricks needs an external location for the bucket. With Azure or Google,
the paths start with `abfss://` or `gs://`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.databricks.operators.databricks_sql import DatabricksCopyIntoOperator, DatabricksSqlOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator

AWS_CONN_ID = "aws_default"
DATABRICKS_CONN_ID = "databricks_default"  # with the `http_path` of a SQL warehouse in its extra
BUCKET = "my-bucket"
FOLDER = "hvsms/messages/{{ data_interval_start | ds }}"
TABLE = "my_catalog.my_schema.hvsms_messages"
STAGING = f"{TABLE}_staging"

COLUMNS = """
    id STRING, batch_id STRING, direction STRING, from_number STRING, to_number STRING, message_status STRING,
    error_code STRING, segment_count BIGINT, cost DECIMAL(18, 6), creation_time TIMESTAMP, last_modified_time TIMESTAMP,
    text STRING, loaded_at TIMESTAMP
"""

with DAG(
    dag_id="hvsms_databricks",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    # Runs share the staging table.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    write = HvsmsMessagesToObjectStorageOperator(
        task_id="write_messages",
        path=f"s3://{AWS_CONN_ID}@{BUCKET}/{FOLDER}",
        format="parquet",
        # The merge replaces whole rows: a Simple read would erase the texts.
        view="Detailed",
        on_invalid="quarantine",
    )
    create = DatabricksSqlOperator(
        task_id="create_tables",
        databricks_conn_id=DATABRICKS_CONN_ID,
        sql=[
            f"CREATE TABLE IF NOT EXISTS {TABLE} ({COLUMNS})",
            f"CREATE OR REPLACE TABLE {STAGING} ({COLUMNS})",
        ],
    )
    copy = DatabricksCopyIntoOperator(
        task_id="copy_into_staging",
        databricks_conn_id=DATABRICKS_CONN_ID,
        table_name=STAGING,
        file_location=f"s3://{BUCKET}/{FOLDER}",
        file_format="PARQUET",
        # Not _SUCCESS, and not the hidden files of a load that is under way.
        pattern="part-*.parquet",
        # COPY INTO skips files that it knows, which would leave a new staging table empty.
        force_copy=True,
    )
    merge = DatabricksSqlOperator(
        task_id="merge_messages",
        databricks_conn_id=DATABRICKS_CONN_ID,
        # A row of the table that was modified later stays.
        sql=f"""
            MERGE INTO {TABLE} AS target
            USING (
                SELECT * FROM {STAGING}
                QUALIFY row_number() OVER (PARTITION BY id ORDER BY last_modified_time DESC NULLS LAST) = 1
            ) AS source
            ON target.id = source.id
            WHEN MATCHED AND (
                target.last_modified_time IS NULL
                OR source.last_modified_time >= target.last_modified_time
            )
                THEN UPDATE SET *
            WHEN NOT MATCHED THEN INSERT *
        """,
    )
    [write, create] >> copy >> merge
