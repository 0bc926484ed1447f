"""Loads whose lineage is emitted; run by `test_lineage.py` in an Airflow of their own."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, Asset

from airflow_provider_hvsms.transfers.hvsms_to_object_storage import (
    HvsmsBatchesToObjectStorageOperator,
    HvsmsMessagesToObjectStorageOperator,
)
from airflow_provider_hvsms.transfers.hvsms_to_sql import (
    HvsmsMessagesToSqlOperator,
    HvsmsOptOutsToSqlOperator,
    HvsmsStatusesToSqlOperator,
)

LAKE = os.environ["AIRFLOW_HOME"] + "/lake"
DAYS: dict[str, Any] = {"date_from": "2025-11-01T00:00:00Z", "date_to": "2025-11-03T00:00:00Z"}
MESSAGES: dict[str, Any] = {**DAYS, "on_invalid": "quarantine"}


class UnnamedTable(HvsmsMessagesToSqlOperator):
    """A load whose lineage cannot be told."""

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        self.sql_conn_id = "hvsms_default"
        return super().get_openlineage_facets_on_complete(task_instance)


with DAG("lineage", schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC")) as dag:
    first = HvsmsMessagesToSqlOperator(
        task_id="table", sql_conn_id="warehouse", table="messages", **MESSAGES,
        outlets=[Asset("loaded_messages"), Asset("hvsms://~/messages")],
    )  # fmt: skip
    (
        first
        >> HvsmsMessagesToSqlOperator(task_id="table_again", sql_conn_id="warehouse", table="messages", **MESSAGES)
        >> HvsmsMessagesToSqlOperator(
            task_id="filtered", sql_conn_id="warehouse", table="messages", phone_numbers=["+16505550177"], **DAYS
        )
    )
    HvsmsStatusesToSqlOperator(task_id="statuses", sql_conn_id="server", table="statuses", **DAYS)
    HvsmsOptOutsToSqlOperator(task_id="opt_outs", sql_conn_id="duck", table="opt_outs", extra_fields=True)
    HvsmsMessagesToObjectStorageOperator(
        task_id="folder", path=f"file://{LAKE}/{{{{ dag.dag_id }}}}", format="parquet", **MESSAGES
    )
    HvsmsMessagesToObjectStorageOperator(task_id="delta", path=f"file://{LAKE}/delta", format="delta", **MESSAGES)
    HvsmsBatchesToObjectStorageOperator(task_id="partitions", path=f"file://{LAKE}/batches", partition_by="day", **DAYS)
    HvsmsMessagesToSqlOperator(task_id="fails", sql_conn_id="warehouse", table="messages", **DAYS)
    UnnamedTable(task_id="unnamed", sql_conn_id="warehouse", table="others", **MESSAGES)

if __name__ == "__main__":
    import importlib

    # As `airflow dags test` does first; on Airflow 2 this brings the tables of users, which runs refer to.
    importlib.import_module("airflow.cli.cli_parser")
    if version("apache-airflow").startswith("2."):
        vars(DAG)["sync_to_db"](dag)  # without it, the database does not know the assets
    dag.test()
