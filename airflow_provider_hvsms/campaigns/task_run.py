"""The running task -> the key under which its entries and its rejected recipients are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_hvsms.campaigns.ledger import RunKey


def run_key(context: Mapping[str, Any]) -> RunKey:
    """The key of the task that runs, the same in each of its tries."""
    instance: Any = context["ti"]
    map_index = getattr(instance, "map_index", None)
    return RunKey(
        dag_id=instance.dag_id,
        run_id=instance.run_id,
        task_id=instance.task_id,
        map_index=-1 if map_index is None else map_index,
    )
