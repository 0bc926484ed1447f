"""Tasks that fail, each in a way of its own; run by `test_task_runs.py` in an Airflow of their own."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_hvsms.api.transport import TimeLimits
from airflow_provider_hvsms.hooks import hvsms
from airflow_provider_hvsms.operators.campaigns import HvsmsAssignOptOutsOperator
from airflow_provider_hvsms.operators.hvsms import HvsmsCheckStatusesOperator, HvsmsGetStatusesOperator
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import HvsmsMessagesToObjectStorageOperator
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

# So that a lost connection fails the task after two seconds, not after a minute.
vars(hvsms)["TimeLimits"] = functools.partial(TimeLimits, tries=2)

DAY = timedelta(days=1)
RETRIES: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(0)}

with DAG(
    "tasks", schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="Europe/Berlin"), default_args=RETRIES
) as dag:
    HvsmsGetStatusesOperator.partial(task_id="statuses", window=DAY).expand(batch_id=["", {"id": "known"}])
    HvsmsBatchSensor.partial(task_id="sensor").expand(batch_id=["", "None", []])
    HvsmsMessagesToSqlOperator.partial(task_id="load", sql_conn_id="warehouse", table="t", window=DAY).expand(
        view=["Simple", "Full"]
    )
    HvsmsGetStatusesOperator(task_id="no_connection", hvsms_conn_id="nowhere", window=DAY)
    HvsmsCheckStatusesOperator(task_id="too_few", min_messages=100, window=DAY)
    HvsmsCheckStatusesOperator.partial(task_id="check", window=DAY).expand(max_failed_ratio=[5, "5 %", "0.5"])
    HvsmsMessagesToSqlOperator(task_id="no_database", sql_conn_id="nowhere", table="t", window=DAY)
    HvsmsMessagesToObjectStorageOperator(task_id="no_storage", path="s3://nowhere@bucket/t", window=DAY)
    for name in ("refused", "dropped", "answered"):
        HvsmsGetStatusesOperator(
            task_id=name, hvsms_conn_id=name, phone_numbers=["+16505550177"], window=DAY, retries=0
        )

    # Put together, so that Airflow does not have them from the text of this file.
    HvsmsAssignOptOutsOperator(
        task_id="opt_out",
        from_number="+16505550100",
        opt_outs=["+1415555" + "7001", "+1415555" + "{{ 7000 + 2 }}"],
        opt_ins="{{ '+1415555' ~ 7003 }}",
    )
    HvsmsAssignOptOutsOperator.partial(task_id="opt_out_mapped", from_number="+16505550100").expand(
        opt_outs=[["+14155557004"], None, []]
    )
    HvsmsGetStatusesOperator(task_id="a_day_of_25_hours", date_to="2025-10-27T00:00:00+01:00", window=DAY)

if __name__ == "__main__":
    import importlib

    # As `airflow dags test` does first; on Airflow 2 this brings the tables of users, which runs refer to.
    importlib.import_module("airflow.cli.cli_parser")
    dag.test()
