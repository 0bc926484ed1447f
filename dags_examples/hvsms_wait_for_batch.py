"""Wait until a batch is completed, load its messages, and branch on its failure rate. Start it with the batch's id.

Needs a triggerer and two connections: `hvsms_default` (type hvsms) and `warehouse` (a database with a common-sql hook).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_hvsms.operators.hvsms import HvsmsGetStatusesOperator
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

MAX_FAILED_RATIO = 0.1

with DAG(
    dag_id="hvsms_wait_for_batch",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={"batch_id": Param("", type="string", description="The batch to wait for.")},
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    batch_id = "{{ params.batch_id }}"

    wait = HvsmsBatchSensor(
        task_id="wait_for_batch",
        batch_id=batch_id,
        # In the triggerer, where a thousand waits cost one request a poll.
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(hours=12).total_seconds(),
    )
    messages = HvsmsMessagesToSqlOperator(
        task_id="load_messages", batch_id=batch_id, sql_conn_id="warehouse", table="hvsms_batch_messages"
    )
    statuses = HvsmsGetStatusesOperator(task_id="get_statuses", batch_id=batch_id)

    @task.branch
    def judge(totals: Any) -> str:
        return "too_many_failures" if totals["failed_ratio"] > MAX_FAILED_RATIO else "go_on"

    @task
    def go_on() -> None:
        """What follows if most messages were delivered."""

    @task
    def too_many_failures() -> None:
        """What follows if too many failed."""

    wait >> messages >> statuses
    judge(statuses.output) >> [go_on(), too_many_failures()]
