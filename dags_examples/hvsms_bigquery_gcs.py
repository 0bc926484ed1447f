"""Every night, write the day's messages to Google Cloud Storage as Parquet, and let BigQuery load and merge them.

Needs the connections below, the extra `parquet`, the packages apache-airflow-providers-google and gcsfs, and a dataset
in the location of the bucket.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
from airflow.providers.google.cloud.transfers.gcs_to_bigquery import GCSToBigQueryOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator

GOOGLE_CONN_ID = "google_cloud_default"
BUCKET = "my-bucket"
FOLDER = "hvsms/messages/{{ data_interval_start | ds }}"
LOCATION = "EU"
TABLE = "my_dataset.hvsms_messages"
STAGING = f"{TABLE}_staging"

COLUMNS = {
    "id": "STRING",
    "batch_id": "STRING",
    "direction": "STRING",
    "from_number": "STRING",
    "to_number": "STRING",
    "message_status": "STRING",
    "error_code": "STRING",
    "segment_count": "INT64",
    "cost": "NUMERIC",
    "creation_time": "TIMESTAMP",
    "last_modified_time": "TIMESTAMP",
    "text": "STRING",
    "loaded_at": "TIMESTAMP",
}


def query(task_id: str, sql: str) -> BigQueryInsertJobOperator:
    return BigQueryInsertJobOperator(
        task_id=task_id,
        gcp_conn_id=GOOGLE_CONN_ID,
        location=LOCATION,
        configuration={"query": {"query": sql, "useLegacySql": False}},
    )


with DAG(
    dag_id="hvsms_bigquery_gcs",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    # Runs share the staging table.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    write = HvsmsMessagesToObjectStorageOperator(
        task_id="write_messages",
        path=f"gs://{GOOGLE_CONN_ID}@{BUCKET}/{FOLDER}",
        format="parquet",
        # The merge replaces whole rows: a Simple read would erase the texts.
        view="Detailed",
        on_invalid="quarantine",
    )
    create = query(
        "create_table",
        f"""
        CREATE TABLE IF NOT EXISTS {TABLE} ({", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())})
        PARTITION BY DATE(creation_time) CLUSTER BY id
        """,
    )
    load = GCSToBigQueryOperator(
        task_id="load_staging",
        gcp_conn_id=GOOGLE_CONN_ID,
        location=LOCATION,
        bucket=BUCKET,
        # Not _SUCCESS, and not the hidden files of a load that is under way.
        source_objects=[f"{FOLDER}/part-*"],
        source_format="PARQUET",
        schema_fields=[{"name": name, "type": type_} for name, type_ in COLUMNS.items()],
        destination_project_dataset_table=STAGING,
        write_disposition="WRITE_TRUNCATE",
    )
    merge = query(
        "merge_messages",
        # A row of the table that was modified later stays. The dates limit the merge to the day's partition.
        f"""
        MERGE INTO {TABLE} AS target
        USING (
            SELECT * FROM {STAGING} WHERE TRUE
            QUALIFY row_number() OVER (PARTITION BY id ORDER BY last_modified_time DESC NULLS LAST) = 1
        ) AS source
        ON target.id = source.id AND DATE(target.creation_time) = '{{{{ data_interval_start | ds }}}}'
        WHEN MATCHED AND (
            target.last_modified_time IS NULL
            OR source.last_modified_time >= target.last_modified_time
        )
            THEN UPDATE SET {", ".join(f"{name} = source.{name}" for name in COLUMNS if name != "id")}
        WHEN NOT MATCHED THEN INSERT ({", ".join(COLUMNS)}) VALUES ({", ".join(f"source.{name}" for name in COLUMNS)})
        """,
    )
    [write, create] >> load >> merge
