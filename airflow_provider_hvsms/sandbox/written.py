"""The history written in advance: for measurements, in which the store shall not be what is slow."""

from __future__ import annotations

from airflow_provider_hvsms.sandbox import rendering
from airflow_provider_hvsms.sandbox.history import History
from airflow_provider_hvsms.sandbox.records import WrittenMessage


class WrittenHistory:
    """Each message of the history as the list answers it without its text, once it changes no more.

    A million take half a minute to write and 350 MB to keep.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        messages = map(history.message, range(len(history)))
        self._settled = max((one.created + one.settled_after for one in messages), default=0)
        self._texts = [
            rendering.listed(history.message(index), self._settled, detailed=False) for index in range(len(history))
        ]

    def is_valid(self, now: int) -> bool:
        """Tell whether all messages have settled by a moment."""
        return now >= self._settled

    def message(self, index: int) -> WrittenMessage:
        """Return the message at a place in the order of creation."""
        return WrittenMessage(self._history.key(index), self._texts[index])
