"""A task that keeps a ledger in its state, fails, and is tried again; run by `test_state_of_a_task.py`."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_hvsms.campaigns.ledger import EntryState, RunKey
from airflow_provider_hvsms.campaigns.task_state_ledger import TaskStateLedger
from tests.campaigns.entries import changed, entry


class LedgerOperator(BaseOperator):
    """Adds two entries and fails at the first try; the second one replaces one and notes what it found."""

    def execute(self, context: Any) -> None:
        instance = context["ti"]
        run = RunKey(
            dag_id=instance.dag_id, run_id=instance.run_id, task_id=instance.task_id, map_index=instance.map_index
        )
        ledger = TaskStateLedger(context["task_state_store"], sleep=lambda _: None)
        found = ledger.entries(run)
        if not found:
            ledger.add(entry(1, run=run))
            ledger.add(entry(2, run=run))
            context["task_state_store"].set("hvsms_resolve", {"part": 1, "not_created": True})
            raise RuntimeError("the first try fails")
        ledger.replace(changed(found[1], state=EntryState.RECORDED, batch_id="batch-1"))
        report = {
            "found": found == {1: entry(1, run=run), 2: entry(2, run=run)},
            "decision": ledger.decision(),
            "states": [one.state for one in ledger.entries(run).values()],
        }
        ledger.remove_decision()
        report["decision afterwards"] = ledger.decision()
        Path(os.environ["LEDGER_REPORT"], f"{run.task_id}-{run.map_index}").write_text(json.dumps(report))


with DAG(
    "ledger", schedule=None, start_date=pendulum.datetime(2026, 1, 1), default_args={"retry_delay": timedelta(0)}
) as dag:
    LedgerOperator(task_id="send", retries=1)
    LedgerOperator(task_id="send_too", retries=1)

if __name__ == "__main__":
    dag.test()
