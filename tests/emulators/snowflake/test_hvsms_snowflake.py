"""The DAG that users copy loads a day into Snowflake, twice with the same result."""

from tests.emulators.warehouses.dag import DagTests


class TestSnowflakeDag(DagTests):
    dag = "hvsms_snowflake"
    connection = "AIRFLOW_CONN_SNOWFLAKE_DEFAULT"
