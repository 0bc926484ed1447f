"""For each batch that completes, load its messages: a DAG that starts by itself (Airflow 3).

Needs a triggerer and two connections: `hvsms_default` (type hvsms) and `warehouse` (a database with a common-sql hook).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchCompletedEventTrigger

completed_batches = Asset(
    name="hvsms_completed_batches",
    watchers=[AssetWatcher(name="hvsms", trigger=HvsmsBatchCompletedEventTrigger(poll_interval=60))],
)

with DAG(
    dag_id="hvsms_completed_batches",
    schedule=completed_batches,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:

    @task
    def batch_ids(triggering_asset_events: Any = None) -> list[str]:
        """Usually one; several, if batches complete faster than Airflow starts runs."""
        return [event.extra["payload"]["id"] for events in triggering_asset_events.values() for event in events]

    HvsmsMessagesToSqlOperator.partial(
        task_id="load_messages", sql_conn_id="warehouse", table="hvsms_batch_messages"
    ).expand(batch_id=batch_ids())
