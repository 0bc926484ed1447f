"""What the store holds of a window, as the tests see it."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hvsms.sandbox import Sandbox
from airflow_provider_hvsms.sandbox.data.records import Message

DAY = timedelta(days=1)


def last_day(sandbox: Sandbox) -> tuple[datetime, datetime]:
    end = sandbox.settings.end
    assert end is not None
    return end - DAY, end


def stored_between(sandbox: Sandbox, start: datetime, end: datetime) -> list[Message]:
    return [message for message in sandbox.store.messages if start <= message.creation_time < end]
