"""Start work when a load is complete: the second DAG learns from the asset's event what was loaded (Airflow 3).

Needs two connections: `hvsms_default` (type hvsms) and `warehouse` (any database with a common-sql hook).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_hvsms.transfers.hvsms_to_sql import HvsmsMessagesToSqlOperator

source = Asset("hvsms://~/messages")
table = Asset("hvsms_loaded_messages")

with DAG(
    dag_id="hvsms_load",
    # Plain "@daily" has empty data intervals on Airflow 3.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
) as dag:
    HvsmsMessagesToSqlOperator(
        task_id="load_messages",
        sql_conn_id="warehouse",
        table="hvsms_loaded_messages",
        inlets=[source],
        outlets=[table],
    )

with DAG(dag_id="hvsms_after_load", schedule=table, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as after:

    @task
    def loaded(triggering_asset_events: Any = None) -> list[str]:
        """A line for each load since the last run: its window, and how many messages changed the table."""
        loads = [event.extra for event in triggering_asset_events[table]]
        return [
            f"{load['date_from']} to {load['date_to']}: {load['inserted']} new, {load['updated']} changed"
            for load in loads
        ]

    loaded()
