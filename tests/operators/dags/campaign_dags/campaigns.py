"""Campaigns of every kind, run by `test_send_batch_runs.py` in an Airflow of its own.

Numbers and texts come from the environment, so that nothing but the operators can show them.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_hvsms.operators.campaigns import HvsmsSendBatchOperator
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor
from tests.support.present import travel

RECIPIENTS: dict[str, list[str]] = json.loads(os.environ["RECIPIENTS"])
"""By task, so that each task has some of its own."""
TEXT = os.environ["TEXT"]
ARGUMENTS: dict[str, Any] = {"from_number": os.environ["SENDER"], "retries": 0}
LEDGER: dict[str, Any] = {"ledger_conn_id": "warehouse"}
WAIT: dict[str, Any] = {"wait_for_completion": True, "poke_interval": 0.2}

with DAG("campaigns", schedule=None, params={"dry": True, "text": "opens"}) as dag:
    send = HvsmsSendBatchOperator(
        task_id="list", recipients=RECIPIENTS["list"], text=TEXT, max_batch_size=2, **LEDGER, **ARGUMENTS
    )
    HvsmsBatchSensor(task_id="sensor", batch_id=send.output["batch_ids"], poke_interval=0.2, deferrable=False)
    HvsmsSendBatchOperator(
        task_id="deferred", recipients=RECIPIENTS["deferred"], text=TEXT, deferrable=True, **WAIT, **LEDGER, **ARGUMENTS
    )
    HvsmsSendBatchOperator(
        task_id="dry", recipients=RECIPIENTS["dry"], text=TEXT, dry_run="{{ params.dry }}", **ARGUMENTS, **LEDGER
    )
    HvsmsSendBatchOperator(
        task_id="query",
        sql_conn_id="warehouse",
        sql="SELECT phone AS to_number, name FROM members WHERE task = '{{ task.task_id }}'",
        text="Hello {name}, the store {{ params.text }} at nine.",
        rejected_to="rejected",
        **LEDGER,
        **ARGUMENTS,
    )
    HvsmsSendBatchOperator.partial(task_id="mapped", text=TEXT, **LEDGER, **ARGUMENTS).expand_kwargs(
        [
            {"sql_conn_id": "warehouse", "sql": "SELECT phone AS to_number FROM members WHERE task = 'mapped'"},
            {"sql_conn_id": None, "sql": None},
            {"sql_conn_id": "warehouse", "sql": "SELECT phone AS to_number FROM members WHERE task = 'nobody'"},
        ]
    )

    @task(retries=0)
    def people() -> list[dict[str, str]]:
        # One that the scan for leaks does not know, as what a task returns is in Airflow's database.
        return [{"to": "+12015551234", "name": "Ada"}]

    HvsmsSendBatchOperator(
        task_id="output", recipients=people(), text="Hello {name}, the store opens.", **LEDGER, **ARGUMENTS
    )
    if AIRFLOW_V_3_3_PLUS:
        HvsmsSendBatchOperator(task_id="state", recipients=RECIPIENTS["state"], text=TEXT, **ARGUMENTS)

if __name__ == "__main__":
    travel()
    # As `airflow dags test` does first; on Airflow 2 this brings the tables of users, which runs refer to.
    importlib.import_module("airflow.cli.cli_parser")
    parameters = inspect.signature(DAG.test).parameters
    # Airflow 2 names the first; Airflow 3 takes the id of the run from the last.
    moments = {"execution_date", "logical_date", "run_after"} & parameters.keys()
    arguments: dict[str, Any] = dict.fromkeys(moments, datetime(2026, 1, 1, tzinfo=UTC))
    dag.test(**arguments)
