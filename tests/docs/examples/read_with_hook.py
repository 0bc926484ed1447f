"""The hook in Python code."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_hvsms.hooks.hvsms import HvsmsHook


def print_replies(start: datetime, end: datetime) -> None:
    hook = HvsmsHook()
    for message in hook.iter_messages(date_from=start, date_to=end, direction="Inbound"):
        print(message.id, message.creation_time, message.cost)
    hook.close()
