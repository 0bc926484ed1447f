"""What a person writes to decide whether the batch of an entry was created."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_hvsms.campaigns.ledger import LedgerEntry

RESOLVE_KEY = "hvsms_resolve"
"""The key of a decision, in the configuration of a run or in the state of a task."""


def decisions(entry: LedgerEntry, *, with_run: bool) -> tuple[str, str]:
    """The JSON of both decisions: it was created as a batch, and it was not created.

    :param with_run: name the run and the task, for a decision that another run notes.
    """
    run = entry.run
    about: dict[str, Any] = {"run_id": run.run_id, "task_id": run.task_id} if with_run else {}
    if run.map_index >= 0:
        about["map_index"] = run.map_index
    about["part"] = entry.part
    # It must not speak of requests that leave after it.
    not_created = {**about, "not_created": True, "attempts": entry.attempts}
    return json.dumps({**about, "batch_id": "<id of the batch>"}), json.dumps(not_created)
