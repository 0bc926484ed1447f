"""The JSON of the history, written in advance, so that a benchmark does not measure the sandbox."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_hvsms.sandbox.data.history import FIRST_ID
from airflow_provider_hvsms.sandbox.data.records import Message
from airflow_provider_hvsms.sandbox.http.rendering import listed_message
from airflow_provider_hvsms.sandbox.http.status_totals import StatusTotals


class PrerenderedMessages:
    """Messages of the history as the list has them without their text, and their totals.

    A million take half a minute to write and 350 MB of memory.
    """

    def __init__(self, history: Iterable[Message]) -> None:
        self._settled = 0
        self._texts: list[str] = []
        self.totals = StatusTotals()
        """Those of the whole history, once it has settled."""
        for message in history:
            settled = message.created + message.settled_after
            self._settled = max(self._settled, settled)
            self.totals.add(message.state(settled))
            self._texts.append(listed_message(message, settled, detailed=False))

    def is_valid(self, now: int) -> bool:
        """Whether all messages have settled by ``now``."""
        return now >= self._settled

    def find(self, message_id: int) -> str | None:
        """Return a message's JSON, or ``None`` if it was added later."""
        position = message_id - FIRST_ID
        return self._texts[position] if position < len(self._texts) else None
