"""What a person writes to decide whether the batch of an entry was created."""

from __future__ import annotations

import json

from airflow_provider_hvsms.campaigns.ledger import LedgerEntry

RESOLVE_KEY = "hvsms_resolve"
"""The key of a decision, in the configuration of a run or in the state of a task."""


def decisions(entry: LedgerEntry, *, with_run: bool) -> tuple[str, str]:
    """The JSON of both decisions: it was created as a batch, and it was not created.

    :param with_run: name the run, for a decision that another run notes.
    """
    about = {**({"run_id": entry.run.run_id} if with_run else {}), "part": entry.part}
    return json.dumps({**about, "batch_id": "<id of the batch>"}), json.dumps({**about, "not_created": True})
