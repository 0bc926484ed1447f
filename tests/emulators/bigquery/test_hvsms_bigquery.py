"""The DAG that users copy loads a day into BigQuery, twice with the same result."""

from tests.emulators.warehouses.dag import DagTests


class TestBigQueryDag(DagTests):
    dag = "hvsms_bigquery"
    connection = "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"
