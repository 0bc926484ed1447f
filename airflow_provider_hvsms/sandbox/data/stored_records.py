"""The records of the store as they are read."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_hvsms.sandbox.data import timestamps
from airflow_provider_hvsms.sandbox.data.batches import BatchState, BatchTable
from airflow_provider_hvsms.sandbox.data.filters import BatchFilters, MessageFilters, OptOutFilters
from airflow_provider_hvsms.sandbox.data.history import History
from airflow_provider_hvsms.sandbox.data.keys import Key
from airflow_provider_hvsms.sandbox.data.messages import MatchingMessages, MessageTable
from airflow_provider_hvsms.sandbox.data.opt_outs import OptOutTable, generate_opt_outs
from airflow_provider_hvsms.sandbox.data.records import Batch, Message, OptOut
from airflow_provider_hvsms.sandbox.settings import Settings


class StoredRecords:
    """The generated data and the tables of what was added to it; `Store` adds.

    :param settings: settings whose ``end`` is set.
    :param clock: seconds since the epoch.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        if settings.end is None:
            raise ValueError("Settings.end must be set.")
        self._clock = clock
        end = timestamps.from_datetime(settings.end)
        self.history = History(settings.messages, settings.days, settings.seed, end, settings.bad_day)
        self._messages = MessageTable(self.history)
        self._batches = BatchTable(self.history.batches, self._messages)
        self._opt_outs = OptOutTable(generate_opt_outs(settings.opt_outs, settings.seed))

    @property
    def now(self) -> int:
        """The clock in microseconds."""
        return timestamps.from_seconds(self._clock())

    @property
    def messages(self) -> list[Message]:
        """All messages but raw ones, future ones included, oldest first; built at each access."""
        return self._messages.all()

    @property
    def batches(self) -> list[Batch]:
        """All batches but raw ones, future ones included, oldest first."""
        return self._batches.all()

    @property
    def opt_outs(self) -> list[OptOut]:
        """All opt-outs, oldest first."""
        return self._opt_outs.all()

    def get_message(self, key: Key) -> Message:
        """Return the message with a key."""
        return self._messages.get(key)

    def find_message(self, message_id: str, now: int) -> Message | None:
        """Return the message with an id, if responses contain it by ``now``."""
        return self._messages.find(message_id, now)

    def matching_messages(self, filters: MessageFilters, now: int) -> MatchingMessages:
        """Return the keys of the messages that pass the filters."""
        return self._messages.matching(filters, now)

    def messages_of(self, batch: Batch) -> list[Message]:
        """Return the messages of a batch, future ones included, oldest first."""
        return self._messages.of_batch(batch.id)

    def find_batch(self, batch_id: str, now: int) -> Batch | None:
        """Return the batch with an id, if responses contain it by ``now``."""
        return self._batches.find(batch_id, now)

    def matching_batches(self, filters: BatchFilters, now: int) -> dict[Key, Batch]:
        """Return the batches that pass the filters, oldest first."""
        return self._batches.matching(filters, now)

    def batch_state(self, batch: Batch, now: int) -> BatchState:
        """Return the state of a batch at a time."""
        return self._batches.state(batch, now)

    def matching_opt_outs(self, filters: OptOutFilters) -> dict[Key, OptOut]:
        """Return the opt-outs that pass the filters, oldest first."""
        return self._opt_outs.matching(filters)
