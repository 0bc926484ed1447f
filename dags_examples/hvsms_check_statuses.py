"""Wait until a batch is completed, load its messages, check its failures and cost, and alert if a limit is broken.

Start it with the batch's id. It needs a triggerer and two connections: `hvsms_default` (type hvsms) and `warehouse` (a
database with a common-sql hook).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_hvsms.operators.hvsms import HvsmsCheckStatusesOperator
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor
from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator


def alert(context: Any) -> None:
    """Called after the last retry. The exception's text is the sentence of the check: send it to whom it concerns."""
    logging.getLogger(__name__).error("To the campaign's owner: %s", context["exception"])


with DAG(
    dag_id="hvsms_check_statuses",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={
        "batch_id": Param("", type="string", description="The batch to wait for."),
        "max_failed_ratio": Param(0.05, type="number", minimum=0, maximum=1),
        "max_cost": Param(500, type="number", minimum=0, description="In dollars."),
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    batch_id = "{{ params.batch_id }}"

    wait = HvsmsBatchSensor(
        task_id="wait_for_batch",
        batch_id=batch_id,
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(hours=12).total_seconds(),
    )
    messages = HvsmsMessagesToSqlOperator(
        task_id="load_messages", batch_id=batch_id, sql_conn_id="warehouse", table="hvsms_batch_messages"
    )
    check = HvsmsCheckStatusesOperator(
        task_id="check_statuses",
        batch_id=batch_id,
        max_failed_ratio="{{ params.max_failed_ratio }}",
        max_cost="{{ params.max_cost }}",
        min_messages=1,
        # Statuses settle for hours: messages that are pending now may be delivered by the next attempt.
        retries=3,
        retry_delay=timedelta(hours=1),
        on_failure_callback=alert,
    )

    @task
    def go_on() -> None:
        """What follows if the batch keeps to its limits."""

    wait >> messages >> check >> go_on()
